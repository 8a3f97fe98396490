// What is known of each provider: plain data, read from providers.toml and the operator's [providers.<id>] tables.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/located.hpp"
#include "protocol/agents.hpp"

namespace capsule {

/// How an agent and a provider go together.
enum class CellKind {
    unsupported,  ///< n/a: the agent is left out of the provider's table
    native,       ///< the agent's own account
    blocked,      ///< known not to work, with a reason
    routed,       ///< wired by a renderer
};

/// Which variable carries the key to Claude Code.
enum class ClaudeAuth {
    auth_token,  ///< ANTHROPIC_AUTH_TOKEN → "Authorization: Bearer"
    api_key,     ///< ANTHROPIC_API_KEY → "x-api-key"
};

struct ClaudeCell {
    CellKind kind = CellKind::unsupported;
    std::string blocked_reason;
    std::string base_url;  ///< without the /v1/messages that Claude Code appends
    ClaudeAuth auth = ClaudeAuth::auth_token;
    Located<std::string> opus_model;
    Located<std::string> sonnet_model;
    Located<std::string> haiku_model;
    std::map<std::string, Located<std::string>> env;  ///< added to the route
};

struct CodexCell {
    CellKind kind = CellKind::unsupported;
    std::string blocked_reason;
    std::string base_url;  ///< without the /responses that Codex appends
    std::string wire_api;  ///< always "responses": Codex will not start on "chat"
    Located<std::string> model;
    std::int64_t context_window = 0;  ///< tokens
    std::string profile;              ///< names the files <profile>.config.toml and <profile>.models.json
};

struct OpencodeCell {
    CellKind kind = CellKind::unsupported;
    std::string blocked_reason;
    std::string npm;             ///< the SDK that OpenCode loads
    std::string base_url;        ///< with the /v1 where the SDK wants it
    Located<std::string> model;  ///< empty value: OpenCode's own choice
};

struct Provider {
    std::string id;
    std::string origin;  ///< "catalog", or "capsule.toml:12" once an operator's table touched it
    std::string label;
    std::string key_env;
    std::string key_prefix;  ///< empty: any shape. A key of another shape warns and is used all the same.
    std::string subscribe_url;
    std::string key_url;
    std::string notes;
    std::int64_t timeout_ms = 0;
    std::vector<std::string> models;  ///< further ones known to work
    ClaudeCell claude;
    CodexCell codex;
    OpencodeCell opencode;

    CellKind cell(Agent agent) const;
    const std::string& blocked_reason(Agent agent) const;
    /// Not the own account of any agent: its blocks go into the agents' files.
    bool alternative() const;
};

struct Catalog {
    std::vector<Provider> providers;  ///< built-in ones in the catalog's order, then the operator's in theirs

    const Provider* find(std::string_view id) const;
    const Provider* by_key_variable(std::string_view variable) const;
    std::vector<std::string_view> ids() const;
};

/// The text of providers.toml, compiled in.
std::string_view builtin_providers_toml();

}  // namespace capsule
