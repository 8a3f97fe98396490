// Masks a key that an answer repeats, however the answer is cut into pieces.
#pragma once

#include <string>
#include <string_view>

#include "daemon/base/secret.hpp"

namespace capsule::broker {

/// Each occurrence becomes as many asterisks, so that lengths stay as they were said. What could be the begin of the
/// key at the end of a piece is held back until it is known.
class KeyMask {
  public:
    /// An empty key masks nothing.
    explicit KeyMask(Secret key) : key_(std::move(key)) {}
    ~KeyMask();
    KeyMask(const KeyMask&) = delete;
    KeyMask& operator=(const KeyMask&) = delete;

    /// Gives what is sure so far; the view lives until the next call.
    std::string_view feed(std::string_view piece);

    /// The rest, at the end of the answer.
    std::string_view finish();

  private:
    Secret key_;
    std::string held_;  ///< begins with what was held back; behind it, what was given out last
    std::size_t given_ = 0;
};

/// A text that is kept, and was perhaps cut: without the key, without a begin of it at the end, and without anybody's
/// session token.
std::string without_secrets(std::string_view text, const Secret& key);

}  // namespace capsule::broker
