// spawn, and explain, which only says what it would be; config.write.
#pragma once

#include <boost/describe/class.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/common_messages.hpp"

namespace capsule {

struct SpawnParams {
    std::string agent;
    std::optional<std::string> provider;
    std::optional<std::string> model;
    std::optional<std::string> workspace;
    std::optional<std::string> role;
    std::map<std::string, std::string> env;
    std::optional<std::string> cwd;        ///< absolute; only looked at
    std::optional<std::string> ends_with;  ///< caller, connection; none: sessions.end, or [broker] idle_hours
    std::optional<std::string> chosen_by;  ///< flag, picker: how a person named `provider` to the launcher
};
BOOST_DESCRIBE_STRUCT(SpawnParams, (), (agent, provider, model, workspace, role, env, cwd, ends_with, chosen_by))

struct FileAction {
    std::string path;
    std::string action;  ///< created, updated, unchanged, removed
};
BOOST_DESCRIBE_STRUCT(FileAction, (), (path, action))

struct SpawnResult {
    std::string agent;
    std::string provider;
    std::string label;
    std::string tab_label;
    std::optional<std::string> model;
    std::vector<std::string> argv;
    std::map<std::string, std::string> env;
    std::vector<std::string> unset;
    std::vector<std::string> dropped;
    SessionUser user;
    std::optional<std::string> privileges;  ///< drop, keep: may it gain any, as by sudo? null: an older daemon, drop
    std::vector<FileAction> files;
    std::optional<SessionRef> session;  ///< never null; a daemon before 1.1 has none
    // Why it is what it is. A daemon before 1.1 says none of these.
    std::optional<Because> because;
    std::optional<std::string> base_url;    ///< the provider's own; null: the agent's own choice
    std::optional<std::string> key_source;  ///< such as "environment"; null: what stands in the home is used
    std::optional<std::string> workspace;   ///< whose keys, variables and models it has
    std::optional<std::string> role;
    std::vector<Warning> warnings;
};
BOOST_DESCRIBE_STRUCT(SpawnResult, (),
                      (agent, provider, label, tab_label, model, argv, env, unset, dropped, user, privileges, files,
                       session, because, base_url, key_source, workspace, role, warnings))

struct ExplainedArgument {
    std::string value;
    std::string from;
};
BOOST_DESCRIBE_STRUCT(ExplainedArgument, (), (value, from))

struct ExplainedVariable {
    std::string name;
    std::string value;  ///< secrets masked
    std::string from;   ///< such as "catalog", "capsule.toml:12", "request", "environment"
};
BOOST_DESCRIBE_STRUCT(ExplainedVariable, (), (name, value, from))

struct ExplainedFile {
    std::string path;
    std::string action;                  ///< what spawn would do
    std::optional<std::string> content;  ///< only what is ours, secrets masked; null when it would be removed
    std::string from;
};
BOOST_DESCRIBE_STRUCT(ExplainedFile, (), (path, action, content, from))

/// A setting of the project, the home or the machine that would make the session another one.
struct FoundSetting {
    std::string path;
    std::string member;                         ///< its name, such as "env.ANTHROPIC_BASE_URL"; never its value
    std::string effect;                         ///< what it would do
    std::optional<std::string> neutralised_by;  ///< what holds against it; null: it has its effect

    bool operator==(const FoundSetting&) const = default;
};
BOOST_DESCRIBE_STRUCT(FoundSetting, (), (path, member, effect, neutralised_by))

struct ExplainResult {
    std::string agent;
    std::string provider;
    std::string label;
    std::string tab_label;
    std::optional<std::string> model;
    std::vector<std::string> argv;
    std::vector<ExplainedArgument> arguments;  ///< argv again, each with where it comes from
    std::vector<ExplainedVariable> env;
    std::vector<std::string> unset;
    std::vector<std::string> dropped;
    SessionUser user;
    std::vector<ExplainedFile> files;
    std::vector<FoundSetting> settings;  ///< with `cwd` only
    std::optional<SessionRef> session;   ///< as spawn's would be, without an id
    std::optional<Because> because;      ///< this and the next four: as in SpawnResult
    std::optional<std::string> base_url;
    std::optional<std::string> key_source;
    std::optional<std::string> workspace;
    std::optional<std::string> role;
    std::vector<Warning> warnings;
};
BOOST_DESCRIBE_STRUCT(ExplainResult, (),
                      (agent, provider, label, tab_label, model, argv, arguments, env, unset, dropped, user, files,
                       settings, session, because, base_url, key_source, workspace, role, warnings))

struct ConfigWriteParams {
    std::string agent;
};
BOOST_DESCRIBE_STRUCT(ConfigWriteParams, (), (agent))

struct WrittenFile {
    std::string path;
    std::string action;
    std::optional<std::string> mode;  ///< octal, such as "0600"; null when removed
};
BOOST_DESCRIBE_STRUCT(WrittenFile, (), (path, action, mode))

struct ConfigWriteResult {
    std::vector<WrittenFile> files;
    std::vector<Warning> warnings;
};
BOOST_DESCRIBE_STRUCT(ConfigWriteResult, (), (files, warnings))

}  // namespace capsule
