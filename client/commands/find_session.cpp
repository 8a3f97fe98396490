#include "client/commands/find_session.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

namespace capsule {
namespace {

/// A chain of parents that is longer than any real one is a loop: pids may be used anew while they are read.
constexpr int most_parents = 256;

/// The nearest process of `pid` and those above it that a live session ends with. With several, the latest session.
const SessionRow* session_above(const std::vector<SessionRow>& sessions, pid_t pid, const ParentOf& parent,
                                const std::function<bool(const SessionRow&)>& may_be) {
    for (int steps = 0; pid > 1 && steps < most_parents; ++steps, pid = parent(pid)) {
        const auto found = std::find_if(sessions.rbegin(), sessions.rend(), [&](const SessionRow& each) {
            return !each.ended && each.pid == pid && may_be(each);
        });
        if (found != sessions.rend()) return &*found;
    }
    return nullptr;
}

}  // namespace

pid_t parent_process(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    const std::string stat{std::istreambuf_iterator<char>(file), {}};
    // "pid (name) state parent …", where the name may have anything in it.
    const std::size_t name_end = stat.rfind(") ");
    constexpr std::size_t state = 4;  // ") S "
    if (name_end == std::string::npos || stat.size() < name_end + state) return 0;
    pid_t found = 0;
    const char* begin = stat.data() + name_end + state;
    return std::from_chars(begin, stat.data() + stat.size(), found).ec == std::errc() ? found : 0;
}

const SessionRow* find_session(const std::vector<SessionRow>& sessions, const std::string& id_or_pid,
                               const ParentOf& parent) {
    const auto found = std::ranges::find(sessions, id_or_pid, &SessionRow::id);
    if (found != sessions.end()) return &*found;
    pid_t pid = 0;
    const char* end = id_or_pid.data() + id_or_pid.size();
    const auto read = std::from_chars(id_or_pid.data(), end, pid);
    if (read.ec != std::errc() || read.ptr != end) return nullptr;
    return session_above(sessions, pid, parent, [](const SessionRow&) { return true; });
}

const SessionRow* own_session(const std::vector<SessionRow>& sessions, pid_t self, const EnvironmentLookup& env,
                              const ParentOf& parent) {
    const auto agent = env("CAPSULE_AGENT");
    const auto provider = env("CAPSULE_PROVIDER");
    if (!agent || !provider) return nullptr;
    return session_above(sessions, self, parent,
                         [&](const SessionRow& each) { return each.agent == *agent && each.provider == *provider; });
}

}  // namespace capsule
