#include "daemon/agents/codex/own_files.hpp"
#include "daemon/agents/codex/config_file.hpp"
#include "daemon/agents/codex/models.hpp"

namespace capsule {
namespace {

constexpr std::string_view our_header = "# Written by capsuled";

// Our first line, and below it the two settings with no word more.
bool is_our_profile(std::string_view text) {
    if (!text.starts_with(our_header)) return false;
    const toml::parse_result parsed = parse_codex_toml(text);
    if (!parsed) return false;
    for (const auto& [name, value] : parsed.table())
        if ((name != "model_provider" && name != "model") || !value.is_string()) return false;
    return text.find('#', text.find('\n')) == std::string_view::npos;  // a comment is somebody's own words
}

std::optional<std::string> shown_file(const OwnFileIntent& intent) {
    return intent.content;
}

}  // namespace

Result<Merged> merge_own_file(const std::optional<std::string>& existing, const OwnFileIntent& intent) {
    Merged merged{intent.content, false};
    if (!existing || existing == intent.content || existing->find_first_not_of(" \t\r\n") == std::string::npos)
        return merged;
    if (intent.path.ends_with(".config.toml") && !is_our_profile(*existing)) {
        merged.text = existing;
        if (intent.content)
            merged.warnings.push_back(
                {"codex.own_profile", intent.path + " is a file of your own and stays as it is (sessions started by "
                                                    "capsuled are not affected); move it away to have capsuled's"});
    } else if (intent.path.ends_with(".models.json") && !is_as_derived(*existing)) {
        if (intent.content)
            merged.save_existing = true;
        else
            merged.text = existing;
    } else if (intent.path.ends_with(".config.toml")) {
        merged.save_existing = !intent.is_our_text || !intent.is_our_text(*existing);
    }
    return merged;
}

FileIntent file_intent(OwnFileIntent intent) {
    FileIntent file = file_intent<OwnFileIntent>(std::move(intent), merge_own_file, shown_file);
    file.on_conflict = {"codex.conflict", "this session is not affected"};
    return file;
}

}  // namespace capsule
