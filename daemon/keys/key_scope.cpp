#include "daemon/keys/key_scope.hpp"

namespace capsule {
namespace {

/// The container's keys are everybody's, as the configuration's global ones are.
int narrowness(std::string_view scope) {
    if (scope == "role") return 2;
    return scope == "workspace" ? 1 : 0;
}

}  // namespace

bool is_as_narrow(std::string_view now, std::string_view began) {
    return narrowness(now) >= narrowness(began);
}

std::string gone_from_scope(std::string_view began, const KeyScope& scope) {
    std::string whose = "workspace \"" + scope.workspace.value_or("") + "\"";
    if (began == "role") whose = "role \"" + scope.role.value_or("") + "\" of " + whose;
    return "the key of " + whose + " is gone, and no other scope's key is used in its place";
}

}  // namespace capsule
