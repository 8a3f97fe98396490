// Whether a text is JSON, and where it is not.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace capsule {

struct JsonVerdict {
    enum class Kind {
        json,
        jsonc,  ///< JSON but for comments or trailing commas
        broken,
    };
    Kind kind = Kind::json;
    std::size_t line = 0;    ///< of what is broken, from 1
    std::size_t column = 0;  ///< in bytes, from 1
    std::string problem;
};

/// A byte order mark at the start is allowed. An object or array of more than 100,000 items is broken.
JsonVerdict examine_json(std::string_view text);

/// Nothing but white space, or a byte order mark alone.
bool is_blank(std::string_view text);

/// The line that `offset` is in, from 1.
std::size_t line_of(std::string_view text, std::size_t offset);

/// Behind the byte order mark, if there is one.
std::size_t begin_of_json(std::string_view text);

}  // namespace capsule
