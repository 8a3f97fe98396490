#include "daemon/home/settings_survey.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <memory>
#include <set>
#include <tuple>

#include "daemon/agents/agent.hpp"
#include "daemon/base/home_visit.hpp"
#include "daemon/base/time_limit.hpp"
#include "daemon/home/found_settings.hpp"
#include "daemon/home/project_directories.hpp"
#include "daemon/write/file_access.hpp"
#include "daemon/write/io_error.hpp"
#include "protocol/utf8.hpp"

namespace capsule {

namespace {

namespace fs = std::filesystem;

/// As messages name it: a repository's file may have any name, and a launcher shows the message as it is.
std::string shown_path(const std::string& path) {
    return harmless_text(with_bytes_escaped(path), '?');
}

/// Whether an agent takes a file of this name, in a directory of that format.
bool is_taken(const SettingsPlace& place, std::string_view name) {
    if (name == "." || name == "..") return false;
    if (place.format == SettingsFormat::plugin) return true;
    return fs::path(name).extension() == (place.format == SettingsFormat::codex_role ? ".toml" : ".md");
}

/// The names in a directory, sorted, at most `limit` of those there first.
std::vector<std::string> files_in(int directory, const SettingsPlace& place, std::size_t limit) {
    std::vector<std::string> names;
    UniqueFd readable(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(readable ? ::fdopendir(readable.get()) : nullptr, ::closedir);
    if (!listing) return names;
    readable.release();  // it is the listing's
    std::size_t seen = 0;
    while (const dirent* entry = ::readdir(listing.get())) {
        if (++seen > limit + 2 || time_is_up()) break;  // itself and the one above are there, too
        if (is_taken(place, entry->d_name)) names.emplace_back(entry->d_name);
    }
    std::ranges::sort(names);
    return names;
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

    FoundSettings take() { return std::move(found_); }
    /// Whether one of the files calls for the agent's extra pin, or may: not all of it was looked at.
    bool needs_extra_pin() const { return needs_extra_pin_; }

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
        struct stat status {};
        if (problem == 0 && ::fstat(file.directory_fd.get(), &status) != 0) problem = errno;
        if (problem != 0)
            return not_looked_at(place, place.path, "the directory cannot be opened: " + io_problem(problem));
        if (!listed_.emplace(status.st_dev, status.st_ino, place.format).second) return;
        for (std::string& name : files_in(file.directory_fd.get(), place, survey_files)) {
            file.name = std::move(name);
            look_at_file(place, file, file.path());
        }
    }

    void look_at_file(const SettingsPlace& place, const Place& file, const std::string& path) {
        // A file may be a project's and the home's at once, when the session runs in the home: it is looked at once.
        if (files_ >= survey_files || !seen_.insert(path).second) return;
        if (time_is_up()) return not_looked_at(place, path, "no time was left");
        const auto text = text_of(file, path, std::min(place.largest, survey_bytes - bytes_));
        if (text && !*text) return;
        ++files_;
        if (!text) return not_looked_at(place, path, "too large, no regular file, or not readable");
        bytes_ += (*text)->size();
        if (place.is_above && is_strangers(file)) note_extra_pin(place, std::nullopt, {});
        auto settings = survey_settings(place, shown_path(path), **text, session_);
        if (!settings) return not_looked_at(place, path, settings.error().message);
        note_extra_pin(place, *text, *settings);
        add(place, *std::move(settings));
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
        // A role of Codex's asks another provider for its model, which the user of the home did not mean.
        std::vector<FoundSetting> warned_of;
        if (place.owner == SettingsOwner::project || place.format == SettingsFormat::codex_role)
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

std::vector<FoundSetting> finish(Survey& survey, Plan& plan) {
    FoundSettings found = survey.take();
    std::ranges::move(found.take_warnings(), std::back_inserter(plan.warnings));
    return found.take();
}

}  // namespace

std::vector<FoundSetting> survey_session(const SessionHome& home, const std::string& cwd, const Route& route,
                                         ProjectSettings project_settings, const HomeFacts& facts, Plan& plan) {
    SurveyedSession session{route, plan, project_settings == ProjectSettings::ignore, &facts};
    const ProjectDirectories directories = project_directories(cwd);
    auto places = settings_places(route.agent, home, directories.paths);
    std::ranges::move(places_above(route.agent, home, directories.above, directories.has_root),
                      std::back_inserter(places));
    // The home's own first: see look_at_file.
    std::ranges::stable_sort(places, {},
                             [](const SettingsPlace& place) { return place.owner == SettingsOwner::project; });
    const AgentDescriptor& agent = descriptor_of(route.agent);
    // What is not there yet is there when the agent looks, if another user likes.
    const auto open = agent.extra_pin_leaves_project_out && !session.ignore_project
                          ? open_to_others(directories, home.user)
                          : std::nullopt;
    if (open) {
        agent.add_extra_pin(plan, session);
        plan.warnings.push_back({"settings.neutralised",
                                 "The project's settings have no effect on this session: another user can write to " +
                                     shown_path(*open) + ", above its directory, and so add some."});
    }
    Survey survey = survey_places(places, cwd, directories.are_all, session, home.user.uid);
    if (!survey.needs_extra_pin()) return finish(survey, plan);
    agent.add_extra_pin(plan, session);
    Survey held = survey_places(places, cwd, directories.are_all, session, home.user.uid);
    return finish(held, plan);
}

}  // namespace capsule
