// auth.list, auth.set, auth.unset.
#pragma once

#include <boost/describe/class.hpp>
#include <optional>
#include <string>
#include <vector>

#include "protocol/common_messages.hpp"

namespace capsule {

struct AuthListParams {
    std::optional<std::string> workspace;
    std::optional<std::string> role;
};
BOOST_DESCRIBE_STRUCT(AuthListParams, (), (workspace, role))

struct AuthRow {
    std::string provider;
    std::string label;
    std::string variable;
    std::string mode;  ///< api_key, ignore
    std::string state;
    std::optional<std::string> source;
    std::optional<std::string> scope;  ///< global, workspace, role, container
    std::optional<std::string> masked;
    std::optional<std::string> subscribe_url;
    std::optional<std::string> key_url;
    std::optional<std::string> notes;
    std::vector<Warning> warnings;
};
BOOST_DESCRIBE_STRUCT(AuthRow, (),
                      (provider, label, variable, mode, state, source, scope, masked, subscribe_url, key_url, notes,
                       warnings))

struct AuthListResult {
    std::vector<AuthRow> rows;
};
BOOST_DESCRIBE_STRUCT(AuthListResult, (), (rows))

struct AuthScope {
    std::optional<std::string> workspace;
    std::optional<std::string> role;
};
BOOST_DESCRIBE_STRUCT(AuthScope, (), (workspace, role))

struct AuthSetParams {
    std::string provider;
    std::string value;
    std::optional<AuthScope> scope;
};
BOOST_DESCRIBE_STRUCT(AuthSetParams, (), (provider, value, scope))

struct AuthUnsetParams {
    std::string provider;
    std::optional<AuthScope> scope;
};
BOOST_DESCRIBE_STRUCT(AuthUnsetParams, (), (provider, scope))

}  // namespace capsule
