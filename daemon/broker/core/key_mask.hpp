// Masks a key that an answer repeats, however the answer is cut into pieces.
#pragma once

#include <string>
#include <string_view>

#include "daemon/broker/core/key_finder.hpp"

namespace capsule::broker {

/// Each occurrence becomes as many asterisks as it has bytes, so that lengths stay as they were said. What could be the
/// begin of the key at the end of a piece is held back until it is known.
class KeyMask {
  public:
    /// An empty key masks nothing. `forms` outlive it.
    explicit KeyMask(const KeyForms& forms) : masks_(!forms.all.empty()), finder_(forms) {}
    ~KeyMask();
    KeyMask(const KeyMask&) = delete;
    KeyMask& operator=(const KeyMask&) = delete;

    /// Gives what is sure so far; the view lives until the next call.
    std::string_view feed(std::string_view piece);

    /// The rest, at the end of the answer.
    std::string_view finish();

  private:
    void mask(const std::optional<KeyFinder::Span>& found);

    bool masks_;
    KeyFinder finder_;
    std::string held_;  ///< begins with what was given out last; behind it, what was held back
    std::size_t given_ = 0;
    std::uint64_t before_ = 0;  ///< bytes of the answer that are no more in held_
};

/// `text`, which is whole, with the key masked.
std::string without_key(std::string text, const KeyForms& key);

/// The same of an answer's head. Most have no word as long as a key, which costs next to nothing.
std::string head_without_key(std::string head, const KeyForms& key);

/// A text that is kept, and was perhaps cut: without the key, without a begin of it at the end, and without anybody's
/// session token.
std::string without_secrets(std::string_view text, const KeyForms& key);

}  // namespace capsule::broker
