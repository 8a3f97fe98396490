// The OpenRPC document that rpc.discover gives, made from messages.hpp and methods.hpp, so that it cannot drift.
#pragma once

#include <boost/json/value.hpp>
#include <string_view>

namespace capsule {

/// Describes every method of methods.hpp, in that order. `version` is the product's. Beside OpenRPC's own members each
/// method has "x-tier", and "x-params": its params as one JSON Schema (nothing but the members named is accepted).
boost::json::value openrpc_document(std::string_view version);

}  // namespace capsule
