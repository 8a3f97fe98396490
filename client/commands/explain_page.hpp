// `capsulectl explain` as a page. Pure.
#pragma once

#include <string>

#include "client/output.hpp"
#include "protocol/spawn_messages.hpp"

namespace capsule {

std::string explain_page(const ExplainResult& plan, const Style& style);

}  // namespace capsule
