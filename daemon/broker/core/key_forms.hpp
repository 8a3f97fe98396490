// A key as it may stand in a text: itself, or in base64.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "daemon/base/secret.hpp"

namespace capsule::broker {

/// Of the other alphabet, that of URLs.
constexpr char standard_base64(char c) noexcept {
    return c == '-' ? '+' : c == '_' ? '/' : c;
}

/// What is looked for, and how far a search that fails goes back (Knuth, Morris and Pratt).
struct KeyForm {
    KeyForm(std::string_view text, bool is_base64);
    Secret text;
    bool is_base64;                    ///< of either alphabet; `text` has the standard one
    std::vector<std::uint32_t> begun;  ///< for each length: of that begin's end, what is a begin again
};

/// Made once of a key. Of an empty key there is no form.
struct KeyForms {
    explicit KeyForms(const Secret& key);
    Secret key;
    /// The key; then what is sure of its base64 where 0, 1 or 2 bytes more than threes stand before it. Of the
    /// characters at its ends that its neighbours share, up to four bits stay.
    std::vector<KeyForm> all;
    std::array<bool, 256> first{};  ///< of each byte: whether a form begins with it
    static constexpr std::size_t most = 4;
};

}  // namespace capsule::broker
