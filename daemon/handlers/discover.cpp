// rpc.discover: this protocol as an OpenRPC document.
#include "capsule_version.hpp"
#include "daemon/handlers/handlers.hpp"
#include "protocol/methods.hpp"
#include "protocol/openrpc.hpp"

namespace capsule {

Handled<boost::json::value> handle_discover(Services&, NoParams) {
    std::vector<std::string_view> names;
    for (const MethodInfo& method : methods) names.push_back(method.name);
    co_return openrpc_document(capsule_version, names);
}

}  // namespace capsule
