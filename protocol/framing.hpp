// One JSON text per line: finds the lines in what has been read.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace capsule {

inline constexpr std::size_t max_line = 256 * 1024;  ///< bytes of one request without its line end

/// Blank lines that may stand between two others, in bytes. They are nobody's request, so no turn is taken for them.
inline constexpr std::size_t most_blank = 1024;

/// Collects bytes and hands out whole lines. A '\r' before the '\n' is dropped; blank lines are skipped. Lines
/// that have been handed out are zeroed when there is no next one, since requests may hold keys; so is memory that is
/// given back.
class LineReader {
  public:
    explicit LineReader(std::size_t limit = max_line) : limit_(limit) {}
    LineReader(const LineReader&) = delete;
    LineReader& operator=(const LineReader&) = delete;
    ~LineReader();

    /// Where the next `size` bytes may be read to; valid until the next call of anything but added().
    std::span<char> room(std::size_t size);

    /// So many bytes of the last room() are there now.
    void added(std::size_t count) noexcept { end_ += count; }

    /// Adds a copy of what a read has brought.
    void append(std::string_view bytes);

    /// The next whole line, or none. The view lives until the next append() or next().
    std::optional<std::string_view> next();

    /// At the end of the stream: what stands there without a line end is a line too, unless it is blank.
    std::optional<std::string_view> rest();

    /// Whether the line at the front is longer than the limit, be it whole or not, or too_blank(): nothing more can be
    /// read then.
    bool too_long() const noexcept;

    /// Whether more than most_blank bytes of blank lines stood in a row.
    bool too_blank() const noexcept { return blank_ > most_blank; }

    /// Bytes that next() has not handed out.
    std::size_t unread() const noexcept { return end_ - begin_; }

    /// Whether a line has begun that is not whole yet (its time limit runs).
    bool partial() const noexcept;

  private:
    void drop_handed_out();

    std::size_t limit_;
    std::string_view text() const noexcept { return std::string_view(buffer_).substr(0, end_); }

    std::string buffer_;       ///< its size is the room there is
    std::size_t end_ = 0;      ///< of what has been read
    std::size_t begin_ = 0;    ///< of the first line not handed out
    std::size_t scanned_ = 0;  ///< no '\n' between begin_ and here
    std::size_t blank_ = 0;    ///< bytes of blank lines since the last other one
};

}  // namespace capsule
