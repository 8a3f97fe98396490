#include "daemon/agents/survey.hpp"

#include <algorithm>
#include <map>

#include "daemon/agents/agent.hpp"
#include "daemon/agents/survey_parts.hpp"
#include "daemon/base/time_limit.hpp"
#include "protocol/json_tree.hpp"
#include "protocol/utf8.hpp"

namespace capsule {

namespace {

constexpr std::size_t longest_name = 64;

/// "model, env.ANTHROPIC_BASE_URL and 3 more"
std::string listed(const std::vector<std::string>& names) {
    constexpr std::size_t shown = 6;
    std::string out;
    for (std::size_t i = 0; i < std::min(names.size(), shown); ++i)
        out += (i == 0 ? "" : ", ") + names[i];
    return names.size() > shown ? out + " and " + std::to_string(names.size() - shown) + " more" : out;
}

}  // namespace

std::vector<SettingsPlace> settings_places(Agent agent, const SessionHome& home,
                                           const std::vector<std::string>& directories) {
    return descriptor_of(agent).settings_places(home, directories);
}

std::vector<SettingsPlace> places_above(Agent agent, const SessionHome& home,
                                        const std::vector<std::string>& directories) {
    auto places = descriptor_of(agent).settings_places(home, directories);
    std::erase_if(places, [&](const SettingsPlace& place) {
        const bool may_be_taken = place.format == SettingsFormat::opencode_config ||
                                  place.format == SettingsFormat::opencode_tui ||
                                  place.format == SettingsFormat::plugin || place.format == SettingsFormat::mcp_json;
        // What the home has for every project is no project's.
        const bool is_homes = place.directory && place.path.starts_with(home.home + "/.opencode/");
        return place.owner != SettingsOwner::project || !may_be_taken || is_homes;
    });
    for (SettingsPlace& place : places)
        place.is_above = true;
    return places;
}

void add_project(std::vector<SettingsPlace>& places, const std::vector<std::string>& directories,
                 const std::string& name, SettingsFormat format, bool directory) {
    for (const std::string& above : directories)
        places.push_back({above + "/" + name, SettingsOwner::project, format, directory});
}

Result<std::vector<FoundSetting>> survey_settings(const SettingsPlace& place, const std::string& path,
                                                  std::string_view text, const SurveyedSession& session) {
    Findings findings(place, path, session);
    descriptor_of(session.route.agent).survey(findings, text);
    return findings.take();
}

std::vector<Warning> survey_warnings(const std::vector<FoundSetting>& project_findings,
                                     const SurveyedSession& session) {
    struct Members {
        std::vector<std::string> held;
        std::vector<std::string> not_held;
    };
    std::map<std::string, Members> files;
    for (const FoundSetting& setting : project_findings) {
        Members& members = files[setting.path];
        (setting.neutralised_by ? members.held : members.not_held).push_back(setting.member);
    }
    std::vector<Warning> warnings;
    for (const auto& [path, members] : files) {
        if (!members.held.empty())
            warnings.push_back({"settings.neutralised",
                                path + " would redirect this session and has no effect on it: " + listed(members.held) +
                                    ". `explain --all` says why."});
        if (!members.not_held.empty())
            warnings.push_back({"settings.not_held", path + " has an effect on this session: " +
                                                         listed(members.not_held) + ". `explain --all` says which. " +
                                                         std::string(descriptor_of(session.route.agent).project_cure)});
    }
    return warnings;
}

void Findings::add(std::string member, std::string_view effect, std::string_view neutralised_by) {
    if (found_.size() >= max_findings) return;
    std::string by(neutralised_by);
    if (by.empty() && project() && session_.ignore_project) by = descriptor_of(route().agent).project_switch;
    found_.push_back({path_, std::move(member), std::string(effect),
                      by.empty() ? std::nullopt : std::optional<std::string>(std::move(by))});
}

bool Findings::has_argument(std::string_view word) const {
    return std::ranges::any_of(session_.plan.argv, [&](const Argument& argument) { return argument.value == word; });
}

std::string shown_name(std::string_view name) {
    const bool plain = !name.empty() && name.size() <= longest_name && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
               c == '.' || c == '/';
    });
    return plain ? std::string(name) : "…";
}

Result<boost::json::object> read_settings_json(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    if (!is_utf8(text)) return Error{ErrorCode::parse_error, "it is not UTF-8"};  // nor may a comment be something else
    JsonRules lenient;
    lenient.comments = true;
    lenient.is_too_late = time_is_up;
    auto value = parse_json(text, lenient);
    if (!value) return value.error();
    if (!value->is_object()) return Error{ErrorCode::parse_error, "it is no JSON object"};
    return std::move(value->get_object());
}

std::string_view head_value(std::string_view text, std::string_view name) {
    if (!text.starts_with("---")) return {};
    text = text.substr(0, text.find("\n---", 3));
    for (std::size_t at = text.find('\n'); at != text.npos; at = text.find('\n', at + 1)) {
        std::string_view line = text.substr(at + 1);
        line = line.substr(0, line.find('\n'));
        if (!line.starts_with(name) || !line.substr(name.size()).starts_with(':')) continue;
        line.remove_prefix(name.size() + 1);
        const auto begin = line.find_first_not_of(" \t\"'");
        const auto end = line.find_last_not_of(" \t\r\"'");
        return begin == line.npos ? std::string_view() : line.substr(begin, end - begin + 1);
    }
    return {};
}

}  // namespace capsule
