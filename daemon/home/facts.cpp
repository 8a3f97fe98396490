#include "daemon/home/facts.hpp"

#include "daemon/agents/agent.hpp"
#include "daemon/base/home_visit.hpp"
#include "daemon/write/atomic_file.hpp"
#include "daemon/write/io_error.hpp"

namespace capsule {
namespace {

bool is_file(const std::string& path) {
    struct stat status {};
    const int problem = look_up(path, status);
    if (problem != 0 && !means_absent(problem)) throw Failure(io_error("look at", path, problem));
    return problem == 0 && S_ISREG(status.st_mode);
}

/// Whether a file that was not read is none for the agent, too.
bool is_no_text(const std::string& path, std::size_t limit) {
    const UniqueFd found = open_path(path);
    struct stat status {};
    if (!found || ::fstat(found.get(), &status) != 0 || !may_access(found, R_OK)) return means_absent(errno);
    return !S_ISREG(status.st_mode) || static_cast<std::size_t>(status.st_size) > limit ||
           is_of_the_kernels_files(found.get());
}

}  // namespace

HomeFacts read_home_facts(Agent agent, const SessionHome& home) {
    HomeFacts facts;
    const auto text_of = [&facts](const std::string& path, std::size_t limit) {
        auto text = read_file(path, limit);
        if (!text && !is_no_text(path, limit)) throw Failure(text.error());
        if (text && *text) facts.texts.insert_or_assign(path, **text);
        return text ? std::move(*text) : std::nullopt;
    };
    if (const auto look = descriptor_of(agent).look_at_home) facts.of(agent) = look(home, {text_of, is_file});
    return facts;
}

}  // namespace capsule
