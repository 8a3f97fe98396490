#include "daemon/home/settings_survey.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <map>
#include <set>
#include <system_error>

#include "daemon/agents/agent.hpp"
#include "daemon/base/time_limit.hpp"
#include "daemon/write/atomic_file.hpp"
#include "protocol/utf8.hpp"

namespace capsule {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_directories = 32;

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

/// Whether an agent takes a file of this name, in a directory of that format.
bool is_taken(const SettingsPlace& place, const fs::path& file) {
    if (place.format == SettingsFormat::plugin) return true;
    return file.extension() == (place.format == SettingsFormat::codex_role ? ".toml" : ".md");
}

/// The names in a directory, sorted, at most `limit` of those there first.
std::vector<std::string> files_in(const SettingsPlace& place, std::size_t limit) {
    std::vector<std::string> paths;
    std::error_code error;
    std::size_t seen = 0;
    for (fs::directory_iterator entry(place.path, error), end; !error && entry != end; entry.increment(error)) {
        if (++seen > limit || time_is_up()) break;
        if (is_taken(place, entry->path())) paths.push_back(entry->path().string());
    }
    std::ranges::sort(paths);
    return paths;
}

class Survey {
  public:
    explicit Survey(const SurveyedSession& session) : session_(session) {}

    void look_at(const SettingsPlace& place) {
        if (is_in_no_directory(place.path)) return;
        if (!place.directory) return look_at_file(place, place.path);
        for (const std::string& path : files_in(place, survey_files))
            look_at_file(place, path);
    }

    std::vector<FoundSetting> take() { return std::move(found_); }
    std::vector<Warning> warnings() const { return survey_warnings(warned_of_, session_); }
    /// Whether one of the files calls for the agent's extra pin, or may: not all of it was looked at.
    bool needs_extra_pin() const { return needs_extra_pin_; }

  private:
    /// Agents look for up to ten names in one directory of a project, which mostly is not there.
    bool is_in_no_directory(const std::string& path) {
        const auto [known, first] = absent_.try_emplace(path.substr(0, path.rfind('/')), false);
        struct stat status {};
        if (first)
            known->second = ::stat(known->first.c_str(), &status) != 0 && errno == ENOENT && !known->first.empty();
        return known->second;
    }

    void look_at_file(const SettingsPlace& place, const std::string& path) {
        // A file may be a project's and the home's at once, when the session runs in the home: it is looked at once.
        if (files_ >= survey_files || !seen_.insert(path).second) return;
        if (time_is_up()) return not_looked_at(place, path, "no time was left");
        const auto text = text_of(path, std::min(place.largest, survey_bytes - bytes_));
        if (text && !*text) return;
        ++files_;
        if (!text) return not_looked_at(place, path, "too large, no regular file, or not readable");
        bytes_ += (*text)->size();
        auto settings = survey_settings(place, with_bytes_escaped(path), **text, session_);
        if (!settings) return not_looked_at(place, path, settings.error().message);
        note_extra_pin(place, *text, *settings);
        add(place, *std::move(settings));
    }

    /// What was read for the facts a moment ago is not read again.
    Result<std::optional<std::string>> text_of(const std::string& path, std::size_t limit) const {
        if (const auto known = session_.facts->texts.find(path);
            known != session_.facts->texts.end() && known->second.size() <= limit)
            return std::optional(known->second);
        return read_file(path, limit);
    }

    void not_looked_at(const SettingsPlace& place, const std::string& path, const std::string& why) {
        note_extra_pin(place, std::nullopt, {});
        add(place, {{with_bytes_escaped(path), "", "cannot be looked at: " + why, std::nullopt}});
    }

    void note_extra_pin(const SettingsPlace& place, const std::optional<std::string>& text,
                        const std::vector<FoundSetting>& settings) {
        const auto needs = descriptor_of(session_.route.agent).needs_extra_pin;
        if (needs && needs(place, text, settings, session_)) needs_extra_pin_ = true;
    }

    void add(const SettingsPlace& place, std::vector<FoundSetting> settings) {
        // A role of Codex's asks another provider for its model, which the user of the home did not mean.
        if (place.owner == SettingsOwner::project || place.format == SettingsFormat::codex_role)
            std::ranges::copy_if(settings, std::back_inserter(warned_of_),
                                 [](const FoundSetting& setting) { return !setting.member.empty(); });
        std::ranges::move(settings, std::back_inserter(found_));
    }

    const SurveyedSession& session_;
    std::set<std::string> seen_;
    std::map<std::string, bool> absent_;  ///< by directory
    bool needs_extra_pin_ = false;
    std::size_t files_ = 0;
    std::size_t bytes_ = 0;
    std::vector<FoundSetting> found_;
    std::vector<FoundSetting> warned_of_;
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
                                         ProjectSettings project_settings, const HomeFacts& facts, Plan& plan) {
    SurveyedSession session{route, plan, project_settings == ProjectSettings::ignore, &facts};
    auto places = settings_places(route.agent, home, directories_of(cwd));
    // The home's own first: see look_at_file.
    std::ranges::stable_sort(places, {},
                             [](const SettingsPlace& place) { return place.owner == SettingsOwner::project; });
    Survey survey = survey_places(places, session);
    if (!survey.needs_extra_pin()) return finish(survey, plan);
    descriptor_of(route.agent).add_extra_pin(plan, session);
    Survey held = survey_places(places, session);
    return finish(held, plan);
}

}  // namespace capsule
