// The broker's own errors in the shape of the surface that was asked, so that the agent shows them to its user.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/broker/core/http_head.hpp"
#include "daemon/broker/core/refusal.hpp"

namespace capsule::broker {

enum class Surface {
    anthropic_messages,
    openai_responses,
    openai_chat,
};

std::string_view name_of(Surface surface) noexcept;  ///< "anthropic_messages", …: as in a grant

std::optional<Surface> surface_named(std::string_view name) noexcept;

/// The surface that a request itself looks like, for one whose session is not known.
Surface surface_of(const RequestHead& head) noexcept;

/// The JSON body.
std::string error_body(Surface surface, const Refusal& refusal);

/// The whole answer: status line, headers and, unless `head_only`, the body. It says "Connection: close".
std::string error_answer(Surface surface, const Refusal& refusal, bool head_only = false);

}  // namespace capsule::broker
