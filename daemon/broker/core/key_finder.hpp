// Finds a key in a text that comes in pieces, also where it is written with escapes or in base64.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/broker/core/escapes.hpp"
#include "daemon/broker/core/key_forms.hpp"

namespace capsule::broker {

/// Looks at the text as it is, and at what one and two layers of escapes stand for: an error may be JSON that has
/// another one's JSON, or HTML, as a string. Each character is looked at a bounded number of times, and what is kept
/// depends on the key's length alone.
class KeyFinder {
  public:
    /// `forms` outlive it. `most`: the whole text has no more bytes.
    explicit KeyFinder(const KeyForms& forms, std::size_t most = SIZE_MAX);

    struct Span {
        std::uint64_t begin, end;  ///< bytes of the text
    };
    /// Gives where the key is that `c`, the next byte, is the end of.
    std::optional<Span> feed(char c);

    /// At the end of the text.
    std::optional<Span> finish();

    /// From where on the text could be the begin of a key: of at least that many (not 0) characters of it, or of an
    /// escape.
    std::uint64_t begun_at(std::size_t characters) const;

  private:
    /// The text with so many layers of escapes taken off.
    struct Level {
        std::array<std::size_t, KeyForms::most> found{};  ///< of each form: so many of its characters have just come
        std::uint8_t line_ends = 0;                       ///< that have just come, in a row
        std::uint8_t indentation = 0;                     ///< characters that have come behind them
        bool idle = true;                                 ///< none of any
        std::vector<std::uint64_t> begins;  ///< where the last characters are, as many as a form has; a ring
        std::uint64_t count = 0;
        std::uint64_t begin_of(std::size_t last) const { return begins[(count - last) & (begins.size() - 1)]; }
    };
    void look(Level& level, const Character& next, std::optional<Span>& out) const;

    const KeyForms& forms_;
    std::array<Level, 3> levels_;
    std::array<EscapeLayer, 2> layers_;
    std::uint64_t size_ = 0;
};

}  // namespace capsule::broker
