// providers.list and names.list: what a person can choose from.
#pragma once

#include <boost/describe/class.hpp>
#include <optional>
#include <string>
#include <vector>

#include "protocol/usage_messages.hpp"

namespace capsule {

struct ProvidersListParams {
    std::string agent;
    std::optional<std::string> workspace;
    std::optional<std::string> role;
};
BOOST_DESCRIBE_STRUCT(ProvidersListParams, (), (agent, workspace, role))

struct Choice {
    std::string id;
    std::string label;
    std::string tab_label;
    bool native = false;
    std::optional<std::string> model;
    std::optional<SessionLimit> limit{};   ///< of the last answer with this key; null: it was fine
    std::optional<ProviderUsage> usage{};  ///< of this key; null: nobody asked within some hours
};
BOOST_DESCRIBE_STRUCT(Choice, (), (id, label, tab_label, native, model, limit, usage))

struct Unavailable {
    std::string id;
    std::string label;
    std::string code;  ///< an error code's name, such as "key.absent"
    std::string reason;
};
BOOST_DESCRIBE_STRUCT(Unavailable, (), (id, label, code, reason))

struct ProvidersListResult {
    std::string agent;
    std::vector<Choice> choices;
    std::optional<std::string> default_;
    std::vector<Unavailable> unavailable;
    std::optional<std::string> default_from{};  ///< "capsule.toml:12" where it is configured; null: it is not
};
BOOST_DESCRIBE_STRUCT(ProvidersListResult, (), (agent, choices, default_, unavailable, default_from))

/// What a person could write after an option: for completion.
struct NamesListResult {
    std::vector<std::string> providers;
    std::vector<std::string> models;  ///< of all providers
    std::vector<std::string> workspaces;
    std::vector<std::string> roles;
};
BOOST_DESCRIBE_STRUCT(NamesListResult, (), (providers, models, workspaces, roles))

}  // namespace capsule
