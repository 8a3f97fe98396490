#include "daemon/base/home_visit.hpp"

#include <cerrno>
#include <functional>
#include <map>
#include <optional>

namespace capsule {
namespace {

struct Known {
    SharedFd fd;
    int problem = 0;  ///< why it is not open
};

using KnownDirectories = std::map<std::string, Known, std::less<>>;

constexpr std::size_t most_open = 64;

thread_local std::optional<KnownDirectories> visit;

}  // namespace

HomeVisit::HomeVisit() {
    visit.emplace();
}

HomeVisit::~HomeVisit() {
    visit.reset();
}

SharedFd open_directory(std::string_view path) {
    const auto open = [path] { return SharedFd(open_path(std::string(path), LastLink::followed, Meant::directory)); };
    if (!visit) return open();
    auto known = visit->find(path);
    if (known == visit->end()) {
        if (visit->size() >= most_open) visit->clear();
        Known opened;
        opened.fd = open();
        if (!opened.fd) opened.problem = errno;
        if (!opened.fd && is_the_daemons_own(opened.problem)) return {};  // the next time it may open
        known = visit->emplace(path, std::move(opened)).first;
    }
    errno = known->second.problem;
    return known->second.fd;
}

void forget_directories() {
    if (visit) visit->clear();
}

int look_up(const std::string& path, struct stat& status, LastLink last, int access) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos || slash + 1 == path.size()) return ENOENT;
    const SharedFd directory = open_directory(std::string_view(path).substr(0, slash == 0 ? 1 : slash));
    if (!directory) return errno;
    const char* name = path.c_str() + slash + 1;
    if (::fstatat(directory.get(), name, &status, AT_SYMLINK_NOFOLLOW) != 0) return errno;
    if (last == LastLink::followed && S_ISLNK(status.st_mode)) {
        LinkBudget budget;
        const UniqueFd found = open_path_at(directory.get(), name, last, budget);
        if (!found || ::fstat(found.get(), &status) != 0) return errno;
        return access == F_OK || may_access(found, access) ? 0 : errno;
    }
    // If it was replaced by a link meanwhile, this checks the link.
    constexpr int flags = AT_EACCESS | AT_SYMLINK_NOFOLLOW;
    return access == F_OK || ::faccessat(directory.get(), name, access, flags) == 0 ? 0 : errno;
}

}  // namespace capsule
