// What is one model under two names: the daemon's warnings and the client's pages ask here.
#pragma once

#include <string_view>

namespace capsule {

/// Whether a provider that was asked for a model may call it so: the same name, or that and a date.
bool same_model(std::string_view asked, std::string_view answered);

}  // namespace capsule
