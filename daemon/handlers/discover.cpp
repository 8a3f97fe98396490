// rpc.discover: this protocol as an OpenRPC document.
#include "capsule_version.hpp"
#include "daemon/handlers/handlers.hpp"
#include "protocol/openrpc.hpp"

namespace capsule {

Handled<boost::json::value> handle_discover(Services&, NoParams) {
    static const boost::json::value document = openrpc_document(capsule_version);
    co_return document;
}

}  // namespace capsule
