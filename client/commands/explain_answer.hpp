// `explain` without --all: why the session would be what it is, in six lines.
#pragma once

#include <string>

#include "client/output.hpp"
#include "protocol/spawn_messages.hpp"

namespace capsule {

/// Agent, provider, host, model, key and what was held, a line each; then the warnings.
std::string explain_answer(const ExplainResult& plan, const Style& style);

/// The six lines alone, with which --all begins.
std::string explain_head(const ExplainResult& plan, const Style& style);

}  // namespace capsule
