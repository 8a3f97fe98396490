// Where an agent's program is (inventory.hpp).
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "daemon/base/home_visit.hpp"
#include "daemon/base/time_limit.hpp"
#include "daemon/home/inventory.hpp"
#include "daemon/write/io_error.hpp"

namespace capsule {
namespace {

Warning unreachable_in_path(const std::string& directory, const std::string& candidate, int problem) {
    const std::string why = "cannot be looked at (" + io_problem(problem) + "): mount ";
    const std::string or_else = " again, or take " + directory + " out of the PATH";
    const bool is_the_file(open_directory(directory));
    return {"path.unreachable", is_the_file
                                    ? candidate + " " + why + "what it leads to" + or_else
                                    : "agents may be installed in " + directory + ", which " + why + "it" + or_else};
}

}  // namespace

BinarySearch find_binary(std::string_view path, std::string_view name, uid_t user) {
    BinarySearch search;
    for (std::string_view left = path; !left.empty();) {
        const std::size_t end = std::min(left.find(':'), left.size());
        const std::string directory(left.substr(0, end));
        const std::string candidate = directory + "/" + std::string(name);
        left.remove_prefix(std::min(end + 1, left.size()));
        struct stat status {};
        if (candidate.front() != '/') continue;
        const int problem = time_is_up() ? ETIME : look_up(candidate, status, LastLink::followed, X_OK);
        if (is_the_daemons_own(problem)) throw Failure(io_error("look for", candidate, problem));
        if (problem != 0 && !means_absent(problem))
            search.unreachable.push_back(unreachable_in_path(directory, candidate, problem));
        if (problem != 0 || !S_ISREG(status.st_mode)) continue;
        const auto time = [](const timespec& when) {
            return std::to_string(when.tv_sec) + "." + std::to_string(when.tv_nsec);
        };
        search.unreachable.clear();
        search.binary =
            AgentBinary{candidate,
                        std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) + ":" +
                            std::to_string(status.st_size) + ":" + time(status.st_mtim) + ":" + time(status.st_ctim),
                        user, std::string(path)};
        return search;
    }
    return search;
}

}  // namespace capsule
