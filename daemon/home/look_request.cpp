#include "daemon/home/look_request.hpp"

#include <cstdint>

#include "daemon/log/log.hpp"

namespace capsule {

SubprocessRequest look_request(const std::vector<std::string>& arguments, const AgentBinary& binary,
                               const AgentPlace& place, const std::string& directory) {
    SubprocessRequest request;
    request.argv = {binary.path};
    request.argv.insert(request.argv.end(), arguments.begin(), arguments.end());
    request.env = {{"HOME", directory},          {"CODEX_HOME", directory},      {"XDG_CONFIG_HOME", directory},
                   {"XDG_DATA_HOME", directory}, {"XDG_CACHE_HOME", directory},  {"XDG_STATE_HOME", directory},
                   {"TMPDIR", directory},        {"PATH", binary.path_variable}, {"LANG", "C.UTF-8"},
                   {"DISABLE_AUTOUPDATER", "1"}};
    request.directory = directory;
    if (!place.home.same_user) request.user = place.home.user;
    request.asked_by = place.asker;
    request.on_left = [user = place.home.user.uid, asker = place.asker, program = binary.path](int how_many) {
        log_warning("left_running", {{"home_of", std::int64_t{user}},
                                     {"asked_by", std::int64_t{asker}},
                                     {"program", program},
                                     {"killed", std::int64_t{how_many}}});
    };
    return request;
}

}  // namespace capsule
