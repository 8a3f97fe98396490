// How the renderers add to a Plan.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "daemon/agents/session.hpp"
#include "protocol/variable_name.hpp"

namespace capsule {

/// Where a pin comes from that no catalog or configuration names.
inline constexpr std::string_view from_capsuled = "capsuled";

inline void set_variable(Plan& plan, std::string name, std::string value, std::string_view from) {
    plan.env.insert_or_assign(std::move(name), Variable{std::move(value), std::string(from)});
}

inline void set_secret(Plan& plan, std::string name, Secret value, std::string_view from) {
    plan.env.insert_or_assign(std::move(name), Variable{std::move(value), std::string(from)});
}

/// A variable that came from outside: a secret where its name or its value says so (is_secret_variable()).
inline void pass_variable(Plan& plan, std::string name, std::string_view value, std::string_view from) {
    if (is_secret_variable(name, value)) {
        set_secret(plan, std::move(name), Secret(value), from);
    } else {
        set_variable(plan, std::move(name), std::string(value), from);
    }
}

/// The route's key under the name that its agent reads. There must be one.
inline void set_key(Plan& plan, std::string name, const SessionInputs& inputs) {
    set_secret(plan, std::move(name), *inputs.key, "key: " + inputs.key_from);
}

/// Where the session's requests to a provider's base URL go.
inline std::string session_url(const SessionInputs& inputs, const std::string& base_url) {
    return inputs.broker_url ? url_at_broker(*inputs.broker_url, base_url) : base_url;
}

/// Where that is said.
inline std::string_view session_url_from(const SessionInputs& inputs, std::string_view otherwise) {
    return inputs.broker_url ? std::string_view("capsule.toml: [session] keys") : otherwise;
}

inline void add_argument(Plan& plan, std::string value, std::string_view from) {
    plan.argv.push_back({std::move(value), std::string(from)});
}

/// [<agent>] args, which come after the route's own.
inline void add_configured_arguments(Plan& plan, Agent agent, const Config& config) {
    const Located<std::vector<std::string>>& args = config.agent(agent).args;
    for (const std::string& arg : args.value)
        add_argument(plan, arg, args.origin);
}

/// Of a model of which no window is known: the agent then takes its own guess, not another model's window.
void warn_of_unknown_model(Plan& plan, const Provider& provider, const std::string& model);

/// capsule.toml's override of a provider's model for an agent, else the catalog's: what the files carry.
const Located<std::string>& file_model(const Config& config, Agent agent, const std::string& provider,
                                       const Located<std::string>& catalog_model);

/// What the files know of a provider's key; nothing when nobody looked for one.
const FileKey& file_key(const SessionInputs& inputs, const std::string& provider);

}  // namespace capsule
