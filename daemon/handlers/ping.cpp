// ping: a client learns from any answer who sends it (protocol/trusted_server.hpp). This one costs least.
#include "capsule_version.hpp"
#include "daemon/handlers/handlers.hpp"

namespace capsule {

Handled<PingResult> handle_ping(Services&, NoParams) {
    co_return PingResult{capsule_version};
}

}  // namespace capsule
