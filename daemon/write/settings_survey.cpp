#include "daemon/write/settings_survey.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>
#include <system_error>

#include "daemon/catalog/variables.hpp"
#include "daemon/write/atomic_file.hpp"

namespace capsule {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_directories = 32;
// Claude Code keeps its history of all projects there.
constexpr std::size_t claude_json_bytes = 4 * 1024 * 1024;

/// The session's directory and those above it up to the root of its repository; outside of one, itself alone.
std::vector<std::string> directories_of(const std::string& cwd) {
    std::vector<std::string> directories;
    std::error_code error;
    for (fs::path at = fs::path(cwd).lexically_normal(); directories.size() < most_directories; at = at.parent_path()) {
        if (!at.has_filename() && at.has_relative_path()) at = at.parent_path();  // a slash at the end
        directories.push_back(at == at.root_path() ? "" : at.string());
        if (fs::symlink_status(at / ".git", error).type() > fs::file_type::not_found) return directories;
        if (at == at.root_path()) break;
    }
    directories.resize(1);
    return directories;
}

/// The names in a directory, sorted, at most `limit` of those there first.
std::vector<std::string> files_in(const SettingsPlace& place, std::size_t limit) {
    std::vector<std::string> paths;
    std::error_code error;
    std::size_t seen = 0;
    for (fs::directory_iterator entry(place.path, error), end; !error && entry != end; entry.increment(error)) {
        if (++seen > limit) break;
        if (place.format == SettingsFormat::plugin || entry->path().extension() == ".md")
            paths.push_back(entry->path().string());
    }
    std::ranges::sort(paths);
    return paths;
}

bool is_open_socket(const FoundSetting& setting) {
    return setting.member == "env." + std::string(claude_socket_variable) && !setting.neutralised_by;
}

class Survey {
  public:
    explicit Survey(const SurveyedSession& session) : session_(session) {}

    void look_at(const SettingsPlace& place) {
        if (!place.directory) return look_at_file(place, place.path);
        for (const std::string& path : files_in(place, survey_files))
            look_at_file(place, path);
    }

    std::vector<FoundSetting> take() { return std::move(found_); }
    std::vector<Warning> warnings() const { return survey_warnings(of_project_, session_); }
    /// Whether one of Claude Code's files names a socket that nothing holds yet, or may: not all of it was looked at.
    bool may_name_a_socket() const { return may_name_a_socket_; }

  private:
    void look_at_file(const SettingsPlace& place, const std::string& path) {
        // A file may be a project's and the home's at once, when the session runs in the home: it is looked at once.
        if (files_ >= survey_files || !seen_.insert(path).second) return;
        const std::size_t limit = place.format == SettingsFormat::claude_json ? claude_json_bytes : survey_file_bytes;
        const auto text = read_file(path, std::min(limit, survey_bytes - bytes_));
        if (text && !*text) return;
        ++files_;
        const bool claudes =
            place.format == SettingsFormat::claude_settings || place.format == SettingsFormat::claude_json;
        if (!text) {
            // Not .claude.json: with a long history it is the user's own, and no repository's.
            may_name_a_socket_ = may_name_a_socket_ || place.format == SettingsFormat::claude_settings;
            add(place, {{path, "", "cannot be looked at: too large, no regular file, or not readable", std::nullopt}});
            return;
        }
        bytes_ += (*text)->size();
        auto settings = survey_settings(place, path, **text, session_);
        if (claudes)
            may_name_a_socket_ =
                may_name_a_socket_ || settings.size() >= max_findings || std::ranges::any_of(settings, is_open_socket);
        add(place, std::move(settings));
    }

    void add(const SettingsPlace& place, std::vector<FoundSetting> settings) {
        if (place.owner == SettingsOwner::project)
            std::ranges::copy_if(settings, std::back_inserter(of_project_),
                                 [](const FoundSetting& setting) { return !setting.member.empty(); });
        std::ranges::move(settings, std::back_inserter(found_));
    }

    const SurveyedSession& session_;
    std::set<std::string> seen_;
    bool may_name_a_socket_ = false;
    std::size_t files_ = 0;
    std::size_t bytes_ = 0;
    std::vector<FoundSetting> found_;
    std::vector<FoundSetting> of_project_;
};

Survey survey_places(const std::vector<SettingsPlace>& places, const SurveyedSession& session) {
    Survey survey(session);
    for (const SettingsPlace& place : places)
        survey.look_at(place);
    return survey;
}

}  // namespace

std::vector<FoundSetting> survey_session(const SessionHome& home, const std::string& cwd, const Route& route,
                                         ProjectSettings project_settings, Plan& plan) {
    const SurveyedSession session{route, plan, project_settings == ProjectSettings::ignore};
    auto places = settings_places(route.agent, home, directories_of(cwd));
    // The home's own first: see look_at_file.
    std::ranges::stable_sort(places, {},
                             [](const SettingsPlace& place) { return place.owner == SettingsOwner::project; });
    Survey survey = survey_places(places, session);
    if (survey.may_name_a_socket()) {
        hold_claude_socket(plan);
        Survey held = survey_places(places, session);
        std::ranges::move(held.warnings(), std::back_inserter(plan.warnings));
        return held.take();
    }
    std::ranges::move(survey.warnings(), std::back_inserter(plan.warnings));
    return survey.take();
}

}  // namespace capsule
