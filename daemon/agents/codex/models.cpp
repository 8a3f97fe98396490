#include "daemon/agents/codex/models.hpp"

#include <algorithm>
#include <boost/describe/class.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstring>
#include <memory>

#include "daemon/agents/codex/cell.hpp"
#include "protocol/json_struct.hpp"
#include "protocol/json_tree.hpp"

namespace capsule {

/// The members of an entry in Codex's catalog that are a model's own.
namespace codex_entry {

struct Level {
    std::string effort;
    std::string description;
};
BOOST_DESCRIBE_STRUCT(Level, (), (effort, description))

struct Truncation {
    std::string mode;
    std::int64_t limit = 0;
};
BOOST_DESCRIBE_STRUCT(Truncation, (), (mode, limit))

struct OfModel {
    std::string slug, display_name, description;
    std::vector<Level> supported_reasoning_levels;
    std::optional<std::string> default_reasoning_level;
    std::optional<std::string> apply_patch_tool_type;
    std::vector<std::string> input_modalities;
    Truncation truncation_policy;
    std::int64_t effective_context_window_percent = 0;
    std::string base_instructions;
};
BOOST_DESCRIBE_STRUCT(OfModel, (),
                      (slug, display_name, description, supported_reasoning_levels, default_reasoning_level,
                       apply_patch_tool_type, input_modalities, truncation_policy, effective_context_window_percent,
                       base_instructions))

struct Window {
    std::int64_t context_window, max_context_window, auto_compact_token_limit;
};
BOOST_DESCRIBE_STRUCT(Window, (), (context_window, max_context_window, auto_compact_token_limit))

}  // namespace codex_entry

namespace {

namespace json = boost::json;

Error not_understood(std::string_view what) {
    return {ErrorCode::config_conflict, "the installed Codex's model list cannot be understood: " + std::string(what),
            "Look at `codex debug models --bundled`; a Codex release that capsuled knows is named in its manual."};
}

bool absent_or(const json::object& entry, std::string_view member, const json::value& harmless) {
    const json::value* value = entry.if_contains(member);
    return !value || value->is_null() || *value == harmless;
}

/// One that a person can pick and that talks the public Responses API.
bool is_ordinary(const json::object& entry) {
    return absent_or(entry, "visibility", "list") && absent_or(entry, "use_responses_lite", false) &&
           absent_or(entry, "tool_mode", "direct");
}

/// The entry to start from: it gives the prompt, and the names of members that only that Codex knows.
/// @return nullptr where the list is empty or holds something that is no object.
const json::object* start_of(const json::array& models) {
    if (models.empty() || !std::ranges::all_of(models, &json::value::is_object)) return nullptr;
    for (const json::value& each : models)
        if (is_ordinary(each.get_object())) return &each.get_object();
    return &models.front().get_object();
}

/// What a member that is not known here becomes: whatever it switches on, it was made for OpenAI's own service. A
/// flag or list may be required and stays, off; the rest is left out.
void switch_off(json::object& out, std::string_view member, const json::value& value) {
    if (value.is_bool()) out[member] = false;
    if (value.is_array()) out[member] = json::array();
}

/// What follows the sentence that says which model this is ("based on GPT"). Empty where the rest of the prompt is
/// about another model or teaches tools that this session does not have.
std::string rest_of_prompt(const json::object& entry) {
    const json::value* own = entry.if_contains("base_instructions");
    if (!own || !own->is_string()) return {};
    const std::string_view text = own->get_string();
    const std::size_t end = text.find(". ");
    if (end == text.npos) return {};
    const std::string_view first = text.substr(0, end);
    const std::string_view rest = text.substr(end + 1);
    if (first.find("GPT") == first.npos || rest.find("GPT") != rest.npos || rest.find("functions.") != rest.npos)
        return {};
    return std::string(rest);
}

/// The levels that this Codex can read: those of its own models, each an object, and those that every version has.
std::set<std::string> readable_levels(const json::array& models) {
    std::set<std::string> levels{"none", "minimal", "low", "medium", "high", "xhigh"};
    for (const json::value& model : models) {
        const json::value* own = model.get_object().if_contains("supported_reasoning_levels");
        if (!own || !own->is_array()) continue;
        for (const json::value& level : own->get_array())
            if (const json::object* fields = level.if_object())
                if (const json::value* effort = fields->if_contains("effort"); effort && effort->is_string())
                    levels.emplace(effort->get_string());
    }
    return levels;
}

/// It is kept for as long as that Codex is installed. Real ones are some 30 KB, most of it the prompt.
constexpr std::size_t longest_list = 256 * 1024;

std::size_t size_of(const CodexModelList& list) {
    std::size_t bytes = list.members.size() + list.rest_of_prompt.size();
    for (const std::string& level : list.levels)
        bytes += level.size() + sizeof level;
    return bytes;
}

/// What must be right in every version, of whatever model. A Codex ignores members that it does not know, so all of
/// them are always there; with these it sends what it sends to a model that it has no entry for.
void set_known(json::object& out) {
    out["default_reasoning_summary"] = "auto";
    out["supports_reasoning_summaries"] = false;
    out["supports_parallel_tool_calls"] = true;
    out["support_verbosity"] = false;
    out["default_verbosity"] = nullptr;
    out["supports_search_tool"] = false;
    out["use_responses_lite"] = false;
    out["experimental_supported_tools"] = json::array();
    out["web_search_tool_type"] = "text";
    out["shell_type"] = "unified_exec";
    out["visibility"] = "list";
    out["supported_in_api"] = true;
    out["priority"] = 0;
    out["upgrade"] = nullptr;
    out["availability_nux"] = nullptr;
}

bool takes(const Model& facts, std::string_view kind) {
    return facts.input.empty() || std::ranges::find(facts.input, kind) != facts.input.end();
}

/// The same of this model. `levels` are those that this Codex can read: for another one it would refuse the whole list.
codex_entry::OfModel of_model(const CodexModel& model, const std::set<std::string>& levels) {
    const Model& facts = model.facts;
    const CodexModelFields fields = codex_fields(facts.of(Agent::codex));
    codex_entry::OfModel out;
    out.slug = out.display_name = model.id;
    out.description = model.id + " by " + model.provider;
    for (const std::string& level : facts.levels)
        if (levels.contains(level))
            out.supported_reasoning_levels.push_back(
                {level, level == "none" ? "Answers without reasoning" : "Reasons first"});
    if (levels.contains(facts.default_level)) out.default_reasoning_level = facts.default_level;
    if (fields.freeform_apply_patch) out.apply_patch_tool_type = "freeform";
    // Of what the model can be given, the kinds that Codex knows.
    for (const char* kind : {"text", "image"})
        if (takes(facts, kind)) out.input_modalities.emplace_back(kind);
    out.truncation_policy = {fields.truncation_mode, fields.truncation_limit};
    out.effective_context_window_percent = fields.window_percent;
    return out;
}

/// Against accidents alone: a file's owner may write there what they like. (FNV-1a, eight bytes at a time.)
std::uint64_t sum_of(std::string_view text) {
    std::uint64_t sum = 0xcbf29ce484222325;
    for (; !text.empty(); text.remove_prefix(std::min(text.size(), sizeof(std::uint64_t)))) {
        std::uint64_t bytes = 0;
        std::memcpy(&bytes, text.data(), std::min(text.size(), sizeof bytes));
        sum = (sum ^ bytes) * 0x100000001b3;
        sum ^= sum >> 32;
    }
    return sum;
}

/// The end of the file, where `text` stands before it. Codex ignores members that it does not know.
std::string end_of(std::string_view text) {
    return R"(,"written_by_capsuled":")" + std::to_string(sum_of(text)) + "\"}]}\n";
}

template <class Members>
void write_members(std::string& out, const Members& members) {
    const std::size_t begin = out.size();
    write_json(out, members);
    out.erase(begin, 1);
    out.pop_back();
}

template <class Members>
void erase_members(json::object& entry) {
    boost::mp11::mp_for_each<detail::Members<Members>>([&](auto member) { entry.erase(member.name); });
}

}  // namespace

Result<CodexModelList> read_codex_models(std::string_view printed) {
    const auto parsed = parse_json(printed);
    if (!parsed) return not_understood(parsed.error().message);
    const json::object* root = parsed->if_object();
    const json::value* list = root ? root->if_contains("models") : nullptr;
    const json::array* models = list ? list->if_array() : nullptr;
    if (!models) return not_understood("it has no list named \"models\"");
    const json::object* start = start_of(*models);
    if (!start) return not_understood("\"models\" is empty or holds something that is no model");
    if (!start->contains("slug")) return not_understood("its models have no \"slug\"");
    json::object entry;
    for (const auto& [member, value] : *start)
        switch_off(entry, member, value);
    set_known(entry);
    erase_members<codex_entry::OfModel>(entry);
    erase_members<codex_entry::Window>(entry);
    CodexModelList out;
    const std::string members = json::serialize(entry);
    out.members = members.substr(1, members.size() - 2);
    out.rest_of_prompt = rest_of_prompt(*start);
    out.levels = readable_levels(*models);
    if (size_of(out) > longest_list)
        return not_understood("what it says of a model is longer than " + std::to_string(longest_list) + " bytes");
    return out;
}

std::any codex_model_list(std::string_view printed) {
    return std::make_shared<const Result<CodexModelList>>(read_codex_models(printed));
}

std::string derive_codex_models(const CodexModelList& own, const CodexModel& model) {
    codex_entry::OfModel entry = of_model(model, own.levels);
    entry.base_instructions =
        "You are Codex, a coding agent running on " + model.id + " by " + model.provider + "." + own.rest_of_prompt;
    std::string out = R"({"models":[{)" + own.members + ",";
    write_members(out, entry);
    // A window that is not known is left out: Codex then takes its own.
    if (const std::int64_t tokens = model.facts.context_window; tokens > 0) {
        out += ',';
        write_members(out, codex_entry::Window{tokens, tokens, compact_limit(model.facts)});
    }
    return out + end_of(out);
}

bool is_as_derived(std::string_view text) {
    const std::size_t end = text.rfind(R"(,"written_by_capsuled":")");
    return end != text.npos && text.substr(end) == end_of(text.substr(0, end));
}

Result<std::string> derive_codex_models(const ModelList& own, const CodexModel& model) {
    const auto* list = std::any_cast<std::shared_ptr<const Result<CodexModelList>>>(&own.own);
    if (!list) return Error{ErrorCode::io_error, own.problem, own.cure};
    if (!**list) return (*list)->error();
    return derive_codex_models(***list, model);
}

}  // namespace capsule
