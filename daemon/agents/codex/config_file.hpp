// A config.toml of Codex's with what it says: parsed once for all of a launch that look at the same text.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/toml.hpp"

namespace capsule {

/// A file of the agent's user or of a repository that would cost much memory or a deep stack is not parsed: why.
std::optional<std::string> why_not_parsed(std::string_view text);

/// An error, too, where why_not_parsed() has a reason.
toml::parse_result parse_codex_toml(std::string_view text);

/// The text with a character of ASCII in the place of each \xHH, \uHHHH and \UHHHHHHHH, wherever that stands.
std::string without_escapes(std::string_view text);

struct CodexConfigFile {
    explicit CodexConfigFile(std::string_view config_toml);

    /// Whether it has a provider of that id. What toml++ cannot read may have one where the id stands in it at all, be
    /// that with escapes.
    bool may_have_provider(std::string_view id) const {
        if (!parsed) return without_escapes(text).find(id) != std::string::npos;
        const toml::table* providers = parsed.table()["model_providers"].as_table();
        return providers != nullptr && providers->contains(id);
    }

    std::string text;
    toml::parse_result parsed;
};

/// `text`, parsed; `known` itself where that is the same text.
inline std::shared_ptr<const CodexConfigFile> codex_config_file(std::string_view text,
                                                                const std::shared_ptr<const CodexConfigFile>& known) {
    return known && known->text == text ? known : std::make_shared<const CodexConfigFile>(text);
}

}  // namespace capsule
