#include "daemon/home/unheld_project.hpp"

#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <optional>

#include "daemon/base/directory_listing.hpp"
#include "daemon/base/home_visit.hpp"
#include "daemon/base/time_limit.hpp"
#include "daemon/home/found_settings.hpp"
#include "daemon/write/file_access.hpp"
#include "protocol/utf8.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;

std::string named(const std::string& directory) {
    return directory.empty() ? "/" : directory;
}

bool may_be_there(const std::string& path) {
    struct stat status {};
    const int problem = look_up(path, status, LastLink::itself);
    return !is_not_there(problem) && problem != EACCES;
}

/// In whatever letters, with an ending or none.
bool is_called(std::string_view entry, std::string_view name) {
    return entry.size() >= name.size() && ::strncasecmp(entry.data(), name.data(), name.size()) == 0 &&
           (entry.size() == name.size() || entry[name.size()] == '.');
}

/// A file that leads to itself is none of a project's.
constexpr int most_led_to = 32;
/// More names that begin alike are no project's: a user could make millions of them.
constexpr int most_alike = 1000;
/// Of all the directories of one look together, each as often as it is listed: a project's files can name one of
/// many entries again and again, and the user's other sessions wait for the thread.
constexpr int most_entries = 100'000;

/// The first path in `directory` that may be of that name and for which `counts` says so. The directory itself, where
/// not all of it could be looked at (`entries_left` is how many names may still be read); it is to count, too, where it
/// cannot be listed and is not closed to the user.
std::optional<std::string> find_path(const std::string& directory, const UnheldName& of, int& entries_left,
                                     const std::function<bool(const std::string& path)>& counts) {
    const std::string path = directory + "/" + std::string(of.name);
    // Of a directory that can be entered and not listed, OpenCode takes what has the name itself.
    if (may_be_there(path) && counts(path)) return path;
    if (!of.any_ending) return std::nullopt;
    const std::size_t slash = path.rfind('/');
    const std::string parent = path.substr(0, slash + 1);
    const std::string name = path.substr(slash + 1);
    const SharedFd place = open_directory(parent);
    const DirectoryListing listing = list_directory_at(place.get());
    if (!listing && (is_not_there(errno) || errno == EACCES || !counts(parent))) return std::nullopt;
    if (!listing) return parent;
    int left = most_alike;
    for (errno = 0; const dirent* entry = ::readdir(listing.get()); errno = 0) {
        if (time_is_up() || entries_left == 0) return parent;
        --entries_left;
        if (!is_called(entry->d_name, name)) continue;
        if (--left < 0) return parent;
        if (std::string found = parent + entry->d_name; counts(found)) return found;
    }
    if (errno != 0) return parent;
    return std::nullopt;
}

/// None: it cannot be read, or is not what it seems.
std::optional<LedTo> read_where_it_leads(const fs::path& file, const UnheldName& of) {
    constexpr std::size_t longest = 256 * 1024;
    const Place place{.directory = file.parent_path().string(),
                      .name = file.filename().string(),
                      .directory_fd = open_directory(file.parent_path().string())};
    const auto text = place.directory_fd ? read_through_links(place, longest) : std::optional<std::string>();
    // In UTF-16, which OpenCode reads, each word is another text.
    if (!text || !*text || !is_utf8(**text) || (*text)->find('\0') != std::string::npos) return std::nullopt;
    auto led = of.leads_to(**text);
    // Of a link, it may be where the link is, or where it leads, that a path begins.
    struct stat status {};
    const bool is_link = look_up(file, status, LastLink::itself) != 0 || S_ISLNK(status.st_mode);
    if (led && (!led->modules.empty() || !led->files.empty()) && is_link) return std::nullopt;
    return led;
}

bool is_same_directory(const std::string& one, const std::string& other) {
    struct stat of_one {
    }, of_other{};
    return look_up(one, of_one) == 0 && look_up(other, of_other) == 0 && same_file(of_one, of_other);
}

/// Looks in a directory and those above it for what the agent would take.
class Look {
  public:
    Look(const AgentDescriptor& agent, const SessionHome& home, const std::string& why, UnheldOf whose)
        : agent_(agent), home_(home), why_(why), whose_(whose) {}

    /// OpenCode looks for modules up to `/`. Its second reader ends at what git takes for a repository's root, which a
    /// file in `.git` can deny.
    Result<void> up_from(const fs::path& start) {
        for (fs::path at = start;; at = at.parent_path()) {
            if (auto fine = look_into(at == at.root_path() ? "" : at.string()); !fine) return fine;
            if (at == at.root_path()) return {};
        }
    }

    /// Adds what is to be told of the same directories.
    void tell_up_from(const fs::path& start, std::vector<FoundSetting>& out) {
        for (fs::path at = start;; at = at.parent_path()) {
            const std::string directory = at == at.root_path() ? "" : at.string();
            for (const UnheldName& each : agent_.unheld) {
                const auto found = each.member.empty() ? std::nullopt : find(directory, each);
                if (time_is_up()) return;  // from then on each name is taken for one that is there
                if (found) out.push_back({shown_path(*found), std::string(each.member), std::string(each.effect), {}});
            }
            if (at == at.root_path()) return;
        }
    }

    Error refused(const std::string& what, const std::string& cure) const {
        return {ErrorCode::config_conflict,
                "This session is to take nothing of its project's (" + why_ + "), but no switch of " +
                    std::string(facts_of(agent_.agent).label) + "'s keeps out " + what,
                cure + ", or take another agent"};
    }

  private:
    Result<void> look_into(const std::string& directory) {
        const bool is_home = is_same_directory(named(directory), home_.home);
        for (const UnheldName& each : agent_.unheld) {
            if (is_home && each.name.starts_with('.')) continue;
            const auto found = find(directory, each);
            if (found) return refused(shown_path(*found), "move it away");
        }
        return {};
    }

    std::optional<std::string> find(const std::string& directory, const UnheldName& name) {
        return find_path(directory, name, entries_left_, [&](const std::string& path) {
            int left = most_led_to;
            return counts(path, name, left);
        });
    }

    /// `left`: how many modules and files it may lead to. Each is looked for on a way that whoever wrote it chose.
    bool counts(const fs::path& path, const UnheldName& of, int& left) {
        const bool is_fine = whose_ == UnheldOf::strangers && is_known_users(path);
        if (of.leads_to == nullptr) return !is_fine;
        const auto led = read_where_it_leads(path, of);
        if (!led) return !is_fine;
        for (const std::string& each : led->modules) {
            if (--left < 0) return true;
            const fs::path at = (path.parent_path() / each).lexically_normal();
            const std::string name = at.filename().string();
            const UnheldName module{.name = name, .any_ending = true};
            if (find_path(at.parent_path().string(), module, entries_left_,
                          [&](const std::string& found) { return counts(found, module, left); }))
                return true;
        }
        for (const std::string& each : led->files) {
            const fs::path at = (path.parent_path() / each).lexically_normal();
            if (may_be_there(at) && (--left < 0 || counts(at, of, left))) return true;
        }
        return false;
    }

    bool is_known_users(const std::string& path) const {
        struct stat status {};
        return look_up(path, status, LastLink::itself) == 0 && (status.st_uid == 0 || status.st_uid == home_.user.uid);
    }

    const AgentDescriptor& agent_;
    const SessionHome& home_;
    const std::string& why_;
    UnheldOf whose_;
    int entries_left_ = most_entries;
};

/// The agent may take the directory's name as its shell knows it, or where that is when all links are followed.
fs::path name_of(const std::string& cwd) {
    return fs::path(cwd + "/.").lexically_normal().parent_path();
}

fs::path real_path_of(const UniqueFd& directory) {
    std::error_code error;
    const fs::path real = fs::read_symlink(own_name(directory), error);
    return real.is_absolute() ? real : fs::path("/");
}

}  // namespace

Result<void> refuse_unheld_project(const AgentDescriptor& agent, const Plan& plan, const SessionHome& home,
                                   const std::string& cwd, UnheldOf whose) {
    if (agent.unheld.empty() || plan.project_left_out.empty()) return {};
    Look look(agent, home, plan.project_left_out, whose);
    const fs::path named = name_of(cwd);
    if (auto fine = look.up_from(named); !fine) return fine;
    const UniqueFd directory = open_path(cwd, LastLink::followed, Meant::directory);
    if (!directory && (is_not_there(errno) || errno == EACCES)) return {};  // nor can the agent go there
    if (!directory) return look.refused("what may be in " + shown_path(cwd), "try again");
    const fs::path real = real_path_of(directory);
    return real == named ? Result<void>() : look.up_from(real);
}

std::vector<FoundSetting> find_unheld(const AgentDescriptor& agent, const SessionHome& home, const std::string& cwd) {
    std::vector<FoundSetting> out;
    if (agent.unheld.empty()) return out;
    const std::string no_reason;
    Look look(agent, home, no_reason, UnheldOf::anybody);
    const fs::path named = name_of(cwd);
    const UniqueFd directory = open_path(cwd, LastLink::followed, Meant::directory);
    const fs::path real = directory ? real_path_of(directory) : named;
    look.tell_up_from(real, out);
    if (real == named || !named.has_relative_path()) return out;
    look.tell_up_from(named.parent_path(), out);  // the directory itself is told of by its other name
    std::ranges::sort(out, {}, &FoundSetting::path);
    const auto twice = std::ranges::unique(out, {}, &FoundSetting::path);
    out.erase(twice.begin(), twice.end());
    return out;
}

}  // namespace capsule
