#include "client/commands/masking.hpp"

#include <map>
#include <vector>

#include "protocol/masking.hpp"
#include "protocol/variable_name.hpp"

namespace capsule {
namespace {

/// Each secret and what stands for it.
std::map<std::string, std::string> find_secrets(const SpawnResult& session,
                                                const std::optional<ExplainResult>& explanation) {
    std::map<std::string, std::string> secrets;
    std::map<std::string, std::string> explained;
    if (explanation)
        for (const ExplainedVariable& variable : explanation->env)
            explained[variable.name] = variable.value;
    for (const auto& [name, value] : session.env) {
        const auto found = explained.find(name);
        if (value.empty()) continue;
        if (found != explained.end() && found->second != value)
            secrets[value] = found->second;
        else if (is_secret_variable(name, value))
            secrets[value] = mask(value);
    }
    return secrets;
}

}  // namespace

SpawnResult mask_session(SpawnResult session, const std::optional<ExplainResult>& explanation) {
    const auto secrets = find_secrets(session, explanation);
    std::vector<HiddenSecret> hidden;
    for (const auto& [secret, shown] : secrets)
        hidden.push_back({secret, shown});
    for (auto& [name, value] : session.env)
        value = hide_in_value(value, hidden);
    for (std::string& word : session.argv)
        word = hide_in_value(word, hidden);
    return session;
}

}  // namespace capsule
