#include "client/commands/masking.hpp"

#include <map>
#include <vector>

#include "protocol/variable_name.hpp"

namespace capsule {
namespace {

void replace_all(std::string& text, const std::string& secret, const std::string& mask) {
    for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += mask.size())
        text.replace(at, secret.size(), mask);
}

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
            secrets[value] = masked(value);
    }
    return secrets;
}

}  // namespace

std::string masked(std::string_view secret) {
    constexpr std::size_t shown = 4;
    constexpr std::size_t long_enough = 16;
    if (secret.size() < long_enough) return "…";
    return "…" + std::string(secret.substr(secret.size() - shown));
}

SpawnResult mask_session(SpawnResult session, const std::optional<ExplainResult>& explanation) {
    const auto secrets = find_secrets(session, explanation);
    for (auto& [name, value] : session.env) {
        const auto whole = secrets.find(value);
        if (whole != secrets.end()) value = whole->second;
    }
    for (const auto& [secret, mask] : secrets) {
        if (secret.size() < 8) continue;  // too short to look for within other texts
        for (auto& [name, value] : session.env)
            replace_all(value, secret, mask);
        for (std::string& word : session.argv)
            replace_all(word, secret, mask);
    }
    return session;
}

}  // namespace capsule
