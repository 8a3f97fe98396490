#include "daemon/agents/codex/own_files.hpp"
#include "daemon/agents/codex/config_file.hpp"
#include "daemon/base/time_limit.hpp"
#include "protocol/json_tree.hpp"

namespace capsule {
namespace json = boost::json;
namespace {

/// Of one model that capsuled wrote: its instructions are the most of it, some 20 KB. What is larger is not even
/// parsed.
constexpr std::size_t largest_catalog = 1024 * 1024;
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

bool text_begins(const json::object& model, std::string_view member, std::string_view with) {
    const json::value* value = model.if_contains(json::string_view(member.data(), member.size()));
    return value != nullptr && value->is_string() && std::string_view(value->get_string()).starts_with(with);
}

// One model under its own name, which no catalog of OpenAI's is, with the words that ours begin with.
bool is_our_catalog(std::string_view text) {
    if (text.size() > largest_catalog) return false;
    const auto document = parse_json(text, {.is_too_late = time_is_up});
    if (!document || !document->is_object()) return false;
    const json::value* models = document->get_object().if_contains("models");
    if (models == nullptr || !models->is_array() || models->get_array().size() != 1) return false;
    const json::object* model = models->get_array().front().if_object();
    if (model == nullptr) return false;
    const json::value* slug = model->if_contains("slug");
    const json::value* name = model->if_contains("display_name");
    if (slug == nullptr || name == nullptr || !slug->is_string() || *slug != *name) return false;
    const std::string id(slug->get_string());
    return text_begins(*model, "description", id + " by ") &&
           text_begins(*model, "base_instructions", "You are Codex, a coding agent running on " + id + " by ");
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
    } else if (intent.path.ends_with(".models.json") && !is_our_catalog(*existing)) {
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
