// "Did you mean …?" for everything that has names: members, keys, methods, commands, providers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capsule {

/// The candidate with the smallest edit distance to `word`, if that is at most a third of the word's length (and at
/// least one is allowed): close enough that a person meant it.
std::optional<std::string_view> nearest(std::string_view word, const std::vector<std::string_view>& candidates);

/// What is wrong with a `word` that must be one of `names`, with the one that was meant; empty: it is one. A long word
/// is not repeated, since it may be a key.
std::string problem_unless_among(std::string_view word, const std::vector<std::string_view>& names);

/// Whether one slip of the fingers makes `word` of `other`: one character too many, too few, or another one, or two
/// neighbours that have changed places. Equal words are not a slip apart.
bool one_slip_apart(std::string_view word, std::string_view other);

}  // namespace capsule
