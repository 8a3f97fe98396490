// Why a session is what it is, in six lines: `explain` says it of one that would be, `sessions ID` of one that is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/output.hpp"
#include "protocol/session_messages.hpp"

namespace capsule {

struct SessionSummary {
    std::string agent;
    std::string provider;  ///< and why that one
    std::string host;
    std::string model;
    std::string key;  ///< and its source; never the key itself
    std::string held;
};

/// What both know of a session.
struct SessionFacts {
    std::string agent, user, provider;  ///< as people call them
    std::optional<Because> because;     ///< none: of an older daemon
    std::optional<std::string> base_url, model;
    std::string keys;                   ///< env, broker, home
    std::optional<std::string> stands;  ///< where the key or token stands, masked; none: not known
    std::optional<std::string> key_source, workspace, role;
    std::optional<SessionSettings> settings;
};

/// The six texts, to which each may add.
SessionSummary session_summary(const SessionFacts& facts);

/// A line each, wrapped to the terminal.
std::string summary_text(const SessionSummary& summary, const Style& style);

}  // namespace capsule
