// What is shown of secrets, and of texts that have one in them. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace capsule {

/// What may be shown of a key: "…" and its last four characters, or "…" alone when it has fewer than sixteen.
std::string mask(std::string_view secret);

/// A secret, and what is shown in its place.
struct HiddenSecret {
    std::string_view secret;
    std::string shown;
};

/// Whether what a long secret begins with (16 bytes or more) is hidden, too: for a text that may have been cut.
enum class Beginnings { shown, hidden };

/// `text` with what is shown in the place of every secret. What overlaps is one: of secrets that begin alike, or are in
/// one another, nothing is left.
std::string hide_secrets(std::string_view text, const std::vector<HiddenSecret>& secrets, Beginnings beginnings);

/// The same of an argument, or of a variable's value. A secret of fewer than eight bytes is hidden where it is the
/// whole value: any text may have such a word.
std::string hide_in_value(std::string_view value, const std::vector<HiddenSecret>& secrets);

}  // namespace capsule
