// Whether an answer may be an error, whatever its status: known before what it says of that has come whole.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace capsule::broker {

/// Looks for the members that AnswerReader knows an error by. Those that are null are none. A name that is written with
/// escapes may be any of them.
class ErrorWords {
  public:
    void feed(std::string_view piece);
    /// What comes next does not continue what came.
    void skip() noexcept { kept_ = 0; }

    bool seen() const noexcept { return seen_; }

  private:
    static constexpr std::size_t most_kept = 10;

    bool seen_ = false;
    std::array<char, most_kept> last_{};  ///< of the piece before: what may be the begin of a word
    std::size_t kept_ = 0;
};

}  // namespace capsule::broker
