// Values in capsule.toml and auth.toml that stand for another: "$NAME", "${NAME}" and "op://vault/item/field".
#pragma once

#include <optional>
#include <string_view>

namespace capsule {

/// NAME when `value` is all of "$NAME" or "${NAME}"; none for everything else ("$5", "a$B"), which is a literal.
std::optional<std::string_view> environment_reference(std::string_view value) noexcept;

/// `value` begins like a 1Password reference. It may still be malformed.
bool is_op_reference(std::string_view value) noexcept;

/// op://vault/item/field or op://vault/item/section/field, with an optional "?attribute=…", and nothing that could
/// not be in one: no control characters, no empty part.
bool is_well_formed_op_reference(std::string_view value) noexcept;

}  // namespace capsule
