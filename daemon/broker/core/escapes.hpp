// One layer of escapes taken off a text that comes character by character.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace capsule::broker {

/// One of the text's, and where it is written there.
struct Character {
    char c = '\0';
    std::uint64_t begin = 0, end = 0;  ///< bytes of the text
};

/// Knows those of JSON (`\/`, `\u002f`), of URLs (`%2F`) and of HTML (`&#47;`, `&#x2F;`, `&sol;`). What an escape
/// beyond ASCII stands for is '\0'. What is none stays as it is.
class EscapeLayer {
  public:
    void feed(const Character& next, const auto& to) {
        if (count_ == 0 && next.c != '\\' && next.c != '%' && next.c != '&') return to(next);
        waiting_[count_++] = next;
        while (count_ > 0) {
            const Meaning is = meaning();
            if (is.kind == Kind::open) return;
            if (is.kind == Kind::none) {
                pass_first(to);
                continue;
            }
            to(Character{is.c, waiting_[0].begin, next.end});
            count_ = 0;
        }
    }

    /// At the end of the text: what has begun is no escape.
    void finish(const auto& to) {
        while (count_ > 0)
            pass_first(to);
    }

    /// Where that begins of which is not known yet what it is.
    std::optional<std::uint64_t> waits_since() const {
        return count_ > 0 ? std::optional(waiting_[0].begin) : std::nullopt;
    }

  private:
    enum class Kind { open, none, character };
    struct Meaning {
        Kind kind = Kind::none;
        char c = '\0';
    };
    static constexpr std::size_t longest = 12;  ///< "&UnderBar;", and zeros in front of a number

    Meaning meaning() const;
    static Meaning of_number(std::string_view digits, unsigned base);
    static Meaning of_digits(std::string_view digits, std::size_t count);
    static Meaning of_entity(std::string_view text);
    void pass_first(const auto& to) {
        to(waiting_[0]);
        for (std::size_t i = 1; i < count_; ++i)
            waiting_[i - 1] = waiting_[i];
        --count_;
    }

    std::array<Character, longest> waiting_;
    std::size_t count_ = 0;
};

}  // namespace capsule::broker
