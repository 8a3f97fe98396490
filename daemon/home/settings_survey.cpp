#include "daemon/home/settings_survey.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>
#include <system_error>

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
    /// Whether a configuration of the project's would have OpenCode send something out, or may.
    bool may_send_out() const { return may_send_out_; }

  private:
    void look_at_file(const SettingsPlace& place, const std::string& path) {
        // A file may be a project's and the home's at once, when the session runs in the home: it is looked at once.
        if (files_ >= survey_files || !seen_.insert(path).second) return;
        const std::size_t limit = place.format == SettingsFormat::claude_json ? claude_json_bytes : survey_file_bytes;
        const auto text = read_file(path, std::min(limit, survey_bytes - bytes_));
        if (text && !*text) return;
        ++files_;
        if (!text) {
            // Not .claude.json: with a long history it is the user's own, and no repository's.
            may_name_a_socket_ = may_name_a_socket_ || place.format == SettingsFormat::claude_settings;
            may_send_out_ = may_send_out_ || is_projects_opencode(place);
            add(place, {{path, "", "cannot be looked at: too large, no regular file, or not readable", std::nullopt}});
            return;
        }
        bytes_ += (*text)->size();
        auto settings = survey_settings(place, path, **text, session_);
        if (place.format == SettingsFormat::claude_settings || place.format == SettingsFormat::claude_json)
            may_name_a_socket_ = may_name_a_socket_ || capsule::may_name_a_socket(**text, settings);
        if (is_projects_opencode(place)) may_send_out_ = may_send_out_ || capsule::may_send_out(**text, settings);
        add(place, std::move(settings));
    }

    bool is_projects_opencode(const SettingsPlace& place) const {
        return !session_.ignore_project && place.owner == SettingsOwner::project &&
               place.format == SettingsFormat::opencode_config;
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
    bool may_send_out_ = false;
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

std::vector<FoundSetting> finish(Survey& survey, Plan& plan) {
    std::ranges::move(survey.warnings(), std::back_inserter(plan.warnings));
    return survey.take();
}

}  // namespace

std::vector<FoundSetting> survey_session(const SessionHome& home, const std::string& cwd, const Route& route,
                                         ProjectSettings project_settings, Plan& plan) {
    SurveyedSession session{route, plan, project_settings == ProjectSettings::ignore};
    auto places = settings_places(route.agent, home, directories_of(cwd));
    // The home's own first: see look_at_file.
    std::ranges::stable_sort(places, {},
                             [](const SettingsPlace& place) { return place.owner == SettingsOwner::project; });
    Survey survey = survey_places(places, session);
    const bool socket = survey.may_name_a_socket();
    if (socket) hold_claude_socket(plan);
    session.ignore_project = session.ignore_project || survey.may_send_out();
    if (survey.may_send_out())
        leave_project_out(plan, "capsuled: the project's configuration would send something out");
    if (!socket && !survey.may_send_out()) return finish(survey, plan);
    Survey held = survey_places(places, session);
    return finish(held, plan);
}

}  // namespace capsule
