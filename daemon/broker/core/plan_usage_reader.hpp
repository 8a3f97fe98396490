// What is left of a subscription, read out of the answer of the provider's own address for that. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/broker/control.hpp"

namespace capsule::broker {

/// Whose answer: each provider has a shape of its own.
enum class UsageShape { zai, minimax, kimi };

/// By its name in the catalog; none: there is no such shape.
std::optional<UsageShape> usage_shape_named(std::string_view name) noexcept;

/// More of an answer than this is not looked at.
inline constexpr std::size_t max_usage_answer = 64 * 1024;

/// Reads one answer: its windows, the fullest of each label, the shortest window first; or in `error`, in words that
/// have nothing of the answer in them, why it has none. Whatever the body is, it never fails otherwise. The plan's name
/// is given where it is a short plain word.
UsageAnswer read_usage(UsageShape shape, int status, std::string_view body);

}  // namespace capsule::broker
