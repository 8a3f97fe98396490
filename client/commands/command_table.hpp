// Every command of capsulectl: the one table that the parser, the help, and the completions are made from.
#pragma once

#include "client/commands/command.hpp"

namespace capsule {

/// Fills `app`; parsing then sets the invocation's globals and action. Both must outlive the parsing.
void add_commands(CLI::App& app, Invocation& invocation);

// One per file.
void add_status(CLI::App& app, Invocation& invocation);
void add_providers(CLI::App& app, Invocation& invocation);
void add_auth(CLI::App& app, Invocation& invocation);
void add_spawn(CLI::App& app, Invocation& invocation);
void add_explain(CLI::App& app, Invocation& invocation);
void add_exec(CLI::App& app, Invocation& invocation);
void add_as_agent(CLI::App& app, Invocation& invocation);
void add_usage(CLI::App& app, Invocation& invocation);
void add_sessions(CLI::App& app, Invocation& invocation);
void add_metrics(CLI::App& app, Invocation& invocation);
void add_config(CLI::App& app, Invocation& invocation);
void add_reload(CLI::App& app, Invocation& invocation);
void add_verify(CLI::App& app, Invocation& invocation);
void add_words(CLI::App& app, Invocation& invocation);
void add_completion(CLI::App& app, Invocation& invocation);

}  // namespace capsule
