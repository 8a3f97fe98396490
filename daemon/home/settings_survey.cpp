#include "daemon/home/settings_survey.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include "daemon/agents/agent.hpp"
#include "daemon/base/directory_listing.hpp"
#include "daemon/base/home_visit.hpp"
#include "daemon/base/time_limit.hpp"
#include "daemon/home/found_settings.hpp"
#include "daemon/home/project_directories.hpp"
#include "daemon/home/unheld_project.hpp"
#include "daemon/write/file_access.hpp"
#include "daemon/write/io_error.hpp"

namespace capsule {

namespace {

namespace fs = std::filesystem;

/// Whether an agent takes a file of this name, in a directory of that format.
bool is_taken(const SettingsPlace& place, std::string_view name) {
    if (name == "." || name == "..") return false;
    if (place.format == SettingsFormat::plugin) return true;
    return fs::path(name).extension() == (place.format == SettingsFormat::codex_role ? ".toml" : ".md");
}

constexpr const char* no_time = "no time was left";
const std::string too_many = "more than " + std::to_string(survey_files) + " files";

struct Listing {
    std::vector<std::string> names;  ///< sorted
    std::string why_not_all;         ///< empty: they are all
};

/// The names in a directory, at most survey_files of those there first.
Listing files_in(int directory, const SettingsPlace& place) {
    Listing out;
    const DirectoryListing listing = list_directory_at(directory);
    if (!listing) {
        if (errno != EACCES) out.why_not_all = "the directory cannot be listed: " + io_problem(errno);
        return out;
    }
    std::size_t seen = 0;
    while (const dirent* entry = ::readdir(listing.get())) {
        if (time_is_up()) out.why_not_all = no_time;
        if (++seen > survey_files + 2) out.why_not_all = too_many;  // itself and the one above are there, too
        if (!out.why_not_all.empty()) break;
        if (is_taken(place, entry->d_name)) out.names.emplace_back(entry->d_name);
    }
    std::ranges::sort(out.names);
    return out;
}

class Survey {
  public:
    Survey(const SurveyedSession& session, uid_t user) : session_(session), user_(user) {}

    void look_at(const SettingsPlace& place) {
        const std::size_t slash = place.path.rfind('/');
        Place at;
        at.directory_fd = open_directory(std::string_view(place.path).substr(0, std::max<std::size_t>(slash, 1)));
        // Agents look for up to ten names in one directory of a project, which mostly is not there.
        const int problem = at.directory_fd ? 0 : errno;
        if (problem == ENOENT) return;
        at.directory.assign(place.path, 0, slash);
        at.name.assign(place.path, slash + 1);
        place.directory ? look_into(place, at, problem) : look_at_file(place, at, place.path);
    }

    void not_looked_at(const SettingsPlace& place, const std::string& path, const std::string& why) {
        note_extra_pin(place, std::nullopt, {});
        add(place, {{shown_path(path), "", "cannot be looked at: " + why, std::nullopt}});
    }

    /// Tells of what is no settings file.
    void add_beside(FoundSetting setting) {
        add({setting.path, SettingsOwner::project, SettingsFormat::plugin}, {setting});
    }

    FoundSettings take() { return std::move(found_); }
    /// Whether one of the files calls for the agent's extra pin, or may: not all of it was looked at.
    bool needs_extra_pin() const { return needs_extra_pin_; }
    /// Whether one of those above the project is another user's.
    bool has_strangers() const { return has_strangers_; }
    /// Whether there were more files than are looked at.
    bool is_over_limit() const { return is_over_limit_; }

  private:
    /// By whatever links a directory has many names, it is listed once.
    void look_into(const SettingsPlace& place, const Place& above, int problem) {
        LinkBudget budget;
        Place file;
        file.directory = place.path;
        if (problem == 0) {
            UniqueFd found =
                open_path_at(above.directory_fd.get(), above.name, LastLink::followed, budget, Meant::directory);
            if (!found) problem = errno;
            file.directory_fd = SharedFd(std::move(found));
        }
        if (is_not_there(problem) || problem == EACCES) return;
        if (is_full()) return note_extra_pin(place, std::nullopt, {});
        struct stat status {};
        if (problem == 0 && ::fstat(file.directory_fd.get(), &status) != 0) problem = errno;
        if (problem != 0)
            return not_looked_at(place, place.path, "the directory cannot be opened: " + io_problem(problem));
        if (!listed_.emplace(status.st_dev, status.st_ino, place.format).second) return;
        Listing files = files_in(file.directory_fd.get(), place);
        if (!files.why_not_all.empty()) {
            is_over_limit_ = is_over_limit_ || files.why_not_all == too_many;
            not_looked_at(place, place.path, files.why_not_all);
        }
        for (std::string& name : files.names) {
            file.name = std::move(name);
            look_at_file(place, file, file.path());
        }
    }

    void look_at_file(const SettingsPlace& place, const Place& file, const std::string& path) {
        // A file may be a project's and the home's at once, when the session runs in the home: it is looked at once.
        if (seen_.contains(path)) return;
        if (files_ >= survey_files) return one_too_many(place, file, path);
        if (time_is_up()) return not_looked_at(place, path, no_time);
        const auto text = text_of(file, path, std::min(place.largest, survey_bytes - bytes_));
        if (text && !*text) return;
        seen_.insert(path);
        ++files_;
        if (!text) return not_looked_at(place, path, "too large, no regular file, or not readable");
        bytes_ += (*text)->size();
        if (place.is_above && is_strangers(file)) has_strangers_ = true;
        auto settings = survey_settings(place, shown_path(path), **text, session_);
        if (!settings) return not_looked_at(place, path, settings.error().message);
        note_extra_pin(place, *text, *settings);
        add(place, *std::move(settings));
    }

    /// No file more is looked at, and that is told: directories need not be listed.
    bool is_full() const { return is_over_limit_ && files_ >= survey_files; }

    /// It is told of the first one alone.
    void one_too_many(const SettingsPlace& place, const Place& file, const std::string& path) {
        struct stat status {};
        const bool may_be_there =
            !file.directory_fd ||
            ::fstatat(file.directory_fd.get(), file.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 ||
            !is_not_there(errno);
        if (!may_be_there) return;
        if (!std::exchange(is_over_limit_, true)) return not_looked_at(place, path, too_many);
        note_extra_pin(place, std::nullopt, {});
    }

    /// Neither root's nor the session user's: whoever may write to a directory above (/tmp) is not to say what the
    /// session does.
    bool is_strangers(const Place& file) const {
        struct stat status {};
        return ::fstatat(file.directory_fd.get(), file.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
               (status.st_uid != 0 && status.st_uid != user_);
    }

    /// What was read for the facts a moment ago is not read again.
    Result<std::optional<std::string>> text_of(const Place& file, const std::string& path, std::size_t limit) const {
        if (const auto known = session_.facts->texts.find(path);
            known != session_.facts->texts.end() && known->second.size() <= limit)
            return std::optional(known->second);
        if (!file.directory_fd) return io_error("read", path, ENOTDIR);
        return read_through_links(file, limit);
    }

    void note_extra_pin(const SettingsPlace& place, const std::optional<std::string>& text,
                        const std::vector<FoundSetting>& settings) {
        const auto needs = descriptor_of(session_.route.agent).needs_extra_pin;
        if (needs && needs(place, text, settings, session_)) needs_extra_pin_ = true;
    }

    void add(const SettingsPlace& place, std::vector<FoundSetting> settings) {
        // A role of Codex's asks another provider for its model, which the user of the home did not mean. A server that
        // runs its commands may be another one by now.
        std::vector<FoundSetting> warned_of;
        if (place.owner == SettingsOwner::project || place.format == SettingsFormat::codex_role ||
            place.format == SettingsFormat::codex_places)
            std::ranges::copy_if(settings, std::back_inserter(warned_of),
                                 [](const FoundSetting& setting) { return !setting.member.empty(); });
        for (Warning& warning : survey_warnings(warned_of, session_))
            found_.warn(warned_of.front().path, std::move(warning));
        for (FoundSetting& setting : settings)
            found_.add(std::move(setting));
    }

    const SurveyedSession& session_;
    uid_t user_;
    std::set<std::string> seen_;
    std::set<std::tuple<dev_t, ino_t, SettingsFormat>> listed_;
    bool needs_extra_pin_ = false;
    bool has_strangers_ = false;
    bool is_over_limit_ = false;
    std::size_t files_ = 0;
    std::size_t bytes_ = 0;
    FoundSettings found_;
};

Survey survey_places(const std::vector<SettingsPlace>& places, const std::string& cwd, bool are_all,
                     const SurveyedSession& session, uid_t user) {
    Survey survey(session, user);
    const auto of_project = std::ranges::find(places, SettingsOwner::project, &SettingsPlace::owner);
    if (!are_all && of_project != places.end())
        survey.not_looked_at(*of_project, cwd, "it leads to directories that are not known");
    for (const SettingsPlace& place : places)
        survey.look_at(place);
    return survey;
}

/// For an agent that has a switch for it, all that is the project's. `why` ends a sentence.
void leave_out(Plan& plan, SurveyedSession& session, const std::string& why) {
    const AgentDescriptor& agent = descriptor_of(session.route.agent);
    const bool has_switch = !agent.project_switch.empty();
    if (plan.project_left_out.empty()) plan.project_left_out = why;
    if (!agent.unheld.empty())
        plan.warnings.push_back(
            {"settings.not_held", std::string(facts_of(agent.agent).label) +
                                      " runs plugins and modules that others put above its session, whatever it is "
                                      "told: " +
                                      why +
                                      ". Put the project where only its user can write to the directories above it."});
    if (has_switch && session.ignore_project) return;
    if (!agent.leave_project_out(plan, "capsuled: " + why)) return;
    session.ignore_project = has_switch;
    plan.warnings.push_back(
        {"settings.neutralised",
         (has_switch ? "The project's settings and instructions have no effect on this session: "
                     : "Settings and instructions above the session's directory have no effect on it: ") +
             why + "."});
}

/// Where the project's settings are to be ignored, refuse_unheld_project() has the session not start.
void add_unheld(Survey& survey, const SessionHome& home, const std::string& cwd, const Route& route) {
    for (FoundSetting& each : find_unheld(descriptor_of(route.agent), home, cwd))
        survey.add_beside(std::move(each));
}

std::vector<FoundSetting> finish(Survey& survey, const SurveyedSession& session, Plan& plan) {
    FoundSettings found = survey.take();
    std::ranges::move(found.take_warnings(), std::back_inserter(plan.warnings));
    if (survey.is_over_limit() && !session.ignore_project)
        plan.warnings.push_back(
            {"settings.not_held",
             "There are " + too_many + " of settings around this session: not all of them were looked at."});
    return found.take();
}

}  // namespace

std::vector<FoundSetting> survey_session(const SessionHome& home, const std::string& cwd, const Route& route,
                                         ProjectSettings project_settings, const HomeFacts& facts, Plan& plan) {
    SurveyedSession session{route, plan, project_settings == ProjectSettings::ignore, &facts};
    const ProjectDirectories directories = project_directories(cwd);
    std::vector<std::string> of_project = directories.paths;
    if (directories.main) of_project.push_back(*directories.main);
    auto places = settings_places(route.agent, home, of_project);
    std::ranges::move(places_above(route.agent, home, directories.above), std::back_inserter(places));
    // The home's own first: see look_at_file.
    std::ranges::stable_sort(places, {},
                             [](const SettingsPlace& place) { return place.owner == SettingsOwner::project; });
    // What is not there yet is there when the agent looks, if another user likes.
    if (const auto open = open_to_others(directories, home))
        leave_out(plan, session,
                  (open->is_known ? "another user can write to " + shown_path(open->path)
                                  : "not all from " + shown_path(open->path) + " up can be looked at") +
                      (open->is_of_main ? ", where the worktree's main checkout is"
                       : open->is_known ? ", above its directory"
                                        : ""));
    const auto look = [&] {
        Survey survey = survey_places(places, cwd, directories.are_all, session, home.user.uid);
        if (project_settings != ProjectSettings::ignore) add_unheld(survey, home, cwd, route);
        return survey;
    };
    Survey survey = look();
    if (!survey.needs_extra_pin() && !survey.has_strangers()) return finish(survey, session, plan);
    if (survey.needs_extra_pin()) descriptor_of(route.agent).add_extra_pin(plan, session);
    if (survey.has_strangers()) leave_out(plan, session, "another user's file is above its directory");
    Survey held = look();
    return finish(held, session, plan);
}

}  // namespace capsule
