#include "daemon/home/facts.hpp"

#include "daemon/agents/agent.hpp"
#include "daemon/base/home_visit.hpp"
#include "daemon/write/atomic_file.hpp"

namespace capsule {
namespace {

bool is_file(const std::string& path) {
    struct stat status {};
    return look_up(path, status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

HomeFacts read_home_facts(Agent agent, const SessionHome& home) {
    HomeFacts facts;
    const auto text_of = [&facts](const std::string& path, std::size_t limit) {
        auto text = read_file(path, limit);
        if (text && *text) facts.texts.insert_or_assign(path, **text);
        return text ? std::move(*text) : std::nullopt;
    };
    if (const auto look = descriptor_of(agent).look_at_home) facts.of(agent) = look(home, {text_of, is_file});
    return facts;
}

}  // namespace capsule
