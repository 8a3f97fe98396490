#include "daemon/agents/codex/config_file.hpp"

#include "daemon/edit/toml_text.hpp"

namespace capsule {
namespace {

/// toml++ takes up to eighty bytes of memory for one byte of text. Codex writes some 60 bytes for a project that is
/// trusted.
constexpr std::size_t largest_text = 256 * 1024;
/// toml++ calls itself for each part of a key, and again to free the tables. Codex has no setting of more than five.
constexpr std::size_t longest_key = 32;

}  // namespace

std::optional<std::string> why_not_parsed(std::string_view text) {
    if (text.size() > largest_text) return "it has more than 256 KiB";
    if (has_toml_key_longer_than(text, longest_key)) return "a key in it has more than 32 parts";
    return std::nullopt;
}

toml::parse_result parse_codex_toml(std::string_view text) {
    if (auto why = why_not_parsed(text))
        return toml::parse_result(toml::parse_error(*std::move(why), toml::source_region{}));
    return toml::parse(text);
}

CodexConfigFile::CodexConfigFile(std::string_view config_toml) : text(config_toml), parsed(parse_codex_toml(text)) {}

}  // namespace capsule
