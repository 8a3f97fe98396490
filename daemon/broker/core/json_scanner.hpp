// Reads single values out of JSON while it passes: byte by byte if it must be, with memory that does not grow.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace capsule::broker {

/// It follows JSON text and calls back for each scalar whose path is short. It is lenient: it tells the structure from
/// the strings and checks no more, as the text is somebody else's and passes whatever it is.
class JsonScanner {
  public:
    /// Path as "message.usage.input_tokens"; members of an array are one level named "[]". `value` is a string's text
    /// (escapes as they stand, cut at max_value) or a number's or literal's characters.
    using Found = void (*)(void* context, std::string_view path, std::string_view value, bool is_string);

    static constexpr std::size_t max_value = 3072;  ///< bytes kept of a value: 512 characters that are all escaped
    static constexpr std::size_t max_depth = 5;     ///< deeper is followed and not reported

    JsonScanner(Found found, void* context) : found_(found), context_(context) {}

    void feed(std::string_view bytes);

    /// A new text begins.
    void reset();

  private:
    enum class In : std::uint8_t { structure, string, escape, scalar };

    void structure(char c);
    void open(bool array);
    void close();
    void end_string();
    void end_scalar();
    void report(bool is_string);
    void keep(std::string_view part);
    bool reported() const noexcept { return depth_ <= max_depth; }

    Found found_;
    void* context_;
    In in_ = In::structure;
    bool key_next_ = false;  ///< a string here is a member's name
    bool is_key_ = false;    ///< the string that is being read is one
    std::uint32_t depth_ = 0;
    std::uint8_t arrays_ = 0;                   ///< a bit for each reported level
    std::uint16_t starts_[max_depth + 1] = {};  ///< where the name of each level begins in path_
    std::string path_;
    std::string value_;
};

}  // namespace capsule::broker
