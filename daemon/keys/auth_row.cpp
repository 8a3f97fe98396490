#include "daemon/keys/auth_row.hpp"

#include "daemon/keys/key_shape.hpp"

namespace capsule {

namespace {

std::optional<std::string> unless_empty(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(text);
}

std::string joined(const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& part : parts) {
        if (!out.empty()) out += ", ";
        out += part;
    }
    return out;
}

Warning shadowed(const Provider& provider, const KeyFinding& finding) {
    const std::string verb = finding.state == KeyState::ignored ? " says to ignore it" : " comes first";
    return {"key.shadowed", provider.key_env + " is also in " + joined(finding.also_in) +
                                ", which is not used: " + finding.source + verb + ". Remove what should not count."};
}

}  // namespace

std::optional<Warning> other_name_warning(const Provider& provider, const KeyResolver& keys, const KeyScope& scope) {
    if (keys.find(provider.key_env, scope).state != KeyState::absent) return std::nullopt;
    for (const std::string& name : provider.other_key_names) {
        const KeyFinding finding = keys.find(name, scope);
        if (finding.state == KeyState::absent) continue;
        return Warning{"key.other_name", name + " (" + finding.source + ") is not read: " + provider.label +
                                             "'s key is looked for as " + provider.key_env + ". Give it that name."};
    }
    return std::nullopt;
}

std::optional<Warning> empty_key_warning(const Provider& provider, const KeyResolver& keys, const KeyScope& scope) {
    if (keys.find(provider.key_env, scope).state != KeyState::absent) return std::nullopt;
    const std::vector<std::string> places = keys.empty_places(provider.key_env);
    if (places.empty()) return std::nullopt;
    return Warning{"key.empty", joined(places) + " is empty, which counts as no key. Put the key there, or remove it."};
}

AuthRow auth_row(const Provider& provider, const KeyFinding& finding) {
    AuthRow row{.provider = provider.id,
                .label = provider.label,
                .variable = provider.key_env,
                .mode = finding.state == KeyState::ignored ? "ignore" : "api_key",
                .state = std::string(name_of(finding.state)),
                .source = unless_empty(finding.source),
                .scope = unless_empty(finding.scope),
                .masked = std::nullopt,
                .subscribe_url = unless_empty(provider.subscribe_url),
                .key_url = unless_empty(provider.key_url),
                .notes = unless_empty(provider.notes),
                .warnings = {}};
    if (finding.state == KeyState::present) {
        row.masked = mask(finding.value);
        if (std::optional<Warning> warning = key_shape_warning(provider, finding.value))
            row.warnings.push_back(std::move(*warning));
    }
    if (finding.error) row.warnings.push_back({"key.error", finding.error->message + ". " + finding.error->hint});
    if (!finding.also_in.empty()) row.warnings.push_back(shadowed(provider, finding));
    return row;
}

}  // namespace capsule
