#include "daemon/home/unheld_project.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <vector>

#include "daemon/base/home_visit.hpp"
#include "daemon/home/found_settings.hpp"
#include "daemon/write/file_access.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;

/// Whether git is sure to take it for a repository's root.
bool is_root_of(uid_t user, const std::string& directory) {
    for (const char* name : {"/.", "/.git", "/.git/HEAD", "/.git/objects", "/.git/refs"}) {
        struct stat status {};
        if (look_up(directory + name, status, LastLink::itself) != 0 || status.st_uid != user) return false;
        if (S_ISDIR(status.st_mode) == std::string_view(name).ends_with("HEAD")) return false;
    }
    return true;
}

std::string named(const std::string& directory) {
    return directory.empty() ? "/" : directory;
}

bool may_be_there(const std::string& path) {
    struct stat status {};
    const int problem = look_up(path, status, LastLink::itself);
    return !is_not_there(problem) && problem != EACCES;
}

/// Whether it is a file in which nothing is that would count.
bool says_nothing(const std::string& directory, const UnheldName& of) {
    constexpr std::size_t longest = 256 * 1024;
    if (of.only_with.front().empty()) return false;
    const Place place{
        .directory = directory, .name = std::string(of.name), .directory_fd = open_directory(named(directory))};
    const auto text = place.directory_fd ? read_through_links(place, longest) : std::optional<std::string>();
    return text && *text && std::ranges::none_of(of.only_with, [&](std::string_view word) {
               return !word.empty() && (*text)->find(word) != std::string::npos;
           });
}

bool is_same_directory(const std::string& one, const std::string& other) {
    struct stat of_one {
    }, of_other{};
    return look_up(one, of_one) == 0 && look_up(other, of_other) == 0 && same_file(of_one, of_other);
}

/// Looks in a directory and those above it for what the agent would take.
class Look {
  public:
    Look(const AgentDescriptor& agent, const SessionHome& home, const std::string& why, const UnheldLook& how)
        : agent_(agent), home_(home), why_(why), how_(how) {}

    Result<void> up_from(const fs::path& start) const {
        bool only_strangers = how_.only_strangers;
        for (fs::path at = start;; at = at.parent_path()) {
            const std::string directory = at == at.root_path() ? "" : at.string();
            if (auto fine = look_into(directory, only_strangers); !fine) return fine;
            if (at == at.root_path()) return {};
            // OpenCode looks for modules above a repository, too. There only another user's count.
            only_strangers = only_strangers || (how_.has_git && is_root_of(home_.user.uid, directory));
        }
    }

    Error refused(const std::string& what, const std::string& cure) const {
        return {ErrorCode::config_conflict,
                "This session is to take nothing of its project's (" + why_ + "), but no switch of " +
                    std::string(facts_of(agent_.agent).label) + "'s keeps out " + what,
                cure + ", or take another agent"};
    }

  private:
    Result<void> look_into(const std::string& directory, bool only_strangers) const {
        const bool is_home = is_same_directory(named(directory), home_.home);
        for (const UnheldName& each : agent_.unheld) {
            const std::string path = directory + "/" + std::string(each.name);
            if ((is_home && each.name.starts_with('.')) || !may_be_there(path)) continue;
            if (only_strangers && is_known_users(path)) continue;
            if (!says_nothing(directory, each)) return refused(shown_path(path), "move it away");
        }
        return {};
    }

    bool is_known_users(const std::string& path) const {
        struct stat status {};
        return look_up(path, status, LastLink::itself) == 0 && (status.st_uid == 0 || status.st_uid == home_.user.uid);
    }

    const AgentDescriptor& agent_;
    const SessionHome& home_;
    const std::string& why_;
    UnheldLook how_;
};

}  // namespace

Result<void> refuse_unheld_project(const AgentDescriptor& agent, const Plan& plan, const SessionHome& home,
                                   const std::string& cwd, const UnheldLook& how) {
    if (agent.unheld.empty() || plan.project_left_out.empty()) return {};
    const Look look(agent, home, plan.project_left_out, how);
    // The agent may take the directory's name as its shell knows it, or where that is when all links are followed.
    const fs::path named = fs::path(cwd + "/.").lexically_normal().parent_path();
    if (auto fine = look.up_from(named); !fine) return fine;
    const UniqueFd directory = open_path(cwd, LastLink::followed, Meant::directory);
    if (!directory && (is_not_there(errno) || errno == EACCES)) return {};  // nor can the agent go there
    if (!directory) return look.refused("what may be in " + shown_path(cwd), "try again");
    std::error_code error;
    const fs::path real = fs::read_symlink(own_name(directory), error);
    return real == named ? Result<void>() : look.up_from(real.is_absolute() ? real : fs::path("/"));
}

}  // namespace capsule
