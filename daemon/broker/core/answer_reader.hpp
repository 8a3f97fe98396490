// What an answer says of itself (usage, model, error), read out of its bytes as they pass.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/broker/core/error_words.hpp"
#include "daemon/broker/core/json_scanner.hpp"

namespace capsule::broker {

struct Usage {
    std::uint64_t input = 0;  ///< tokens of the prompt, those out of a cache among them
    std::uint64_t output = 0;
    std::uint64_t cached = 0;  ///< of the input, those that came out of a cache

    bool operator==(const Usage&) const = default;
};

/// Reads answers of the three wire protocols (Anthropic's messages, OpenAI's responses and chat completions), streamed
/// as server-sent events or whole. It sees copies of what passes: it never holds anything back and never fails. A
/// number that is none, is negative, or goes backwards within one answer is not counted.
class AnswerReader {
  public:
    enum class Format { json, events, unknown, other };

    explicit AnswerReader(Format format) : format_(format), scanner_(&AnswerReader::found, this) {}
    AnswerReader(const AnswerReader&) = delete;
    AnswerReader& operator=(const AnswerReader&) = delete;

    /// Whether a Content-Encoding is one that can be. Some servers name a charset there, or "none".
    static bool compresses(std::string_view coding) noexcept;

    /// By the answer's Content-Type (of however many fields, with commas between them) and Content-Encoding: what is
    /// compressed is not looked into. What has no type, or several of which none is known, is JSON or a stream of
    /// events if it begins so.
    static Format format_of(std::string_view content_type, std::string_view content_encoding) noexcept;

    void feed(std::string_view bytes);

    Usage usage() const noexcept;
    const std::string& model() const noexcept { return model_; }  ///< that answered; empty: it does not say
    /// Whether it says itself that it is an error, whatever its status. An error's words alone do not: some answers
    /// that are fine have a message as well.
    bool is_error() const noexcept { return named_ || !code_.empty() || !type_.empty(); }
    /// Whether it has begun to say so. Never false where is_error() holds.
    bool may_be_error() const noexcept { return words_.seen(); }
    /// Of an error, at most 500 bytes of UTF-8: those that stand within it before those beside it.
    const std::string& message() const noexcept {
        return !message_.empty() ? message_ : !beside_.empty() ? beside_ : name_;
    }
    const std::string& code() const noexcept { return code_; }    ///< of an error, as text: "1308"
    const std::string& reset() const noexcept { return reset_; }  ///< of an error: the member that says when it ends
    const std::string& type() const noexcept { return type_; }    ///< of an error: "rate_limit_error"

  private:
    enum class Line : std::uint8_t { begin, data, other };

    static void found(void* self, std::string_view path, std::string_view value, bool is_string);
    void take(std::string_view path, std::string_view value, bool is_string);
    void take_error(std::string_view path, std::string_view value, bool is_string);
    void take_outermost(std::string_view path, std::string_view value, bool is_string);
    void begin_text();
    void feed_events(std::string_view bytes);

    std::string_view after_mark(std::string_view bytes);
    std::string_view after_dull_events(std::string_view bytes) const;
    std::size_t begin_line(std::string_view bytes);

    Format format_;
    Line line_ = Line::begin;
    std::uint8_t prefix_ = 0;  ///< how much of "data:" has been seen
    std::uint8_t mark_ = 0;    ///< how much of a byte order mark has been seen; all of it: there is none any more
    bool in_event_ = false;    ///< a line of data came since the last empty line
    bool after_cr_ = false;    ///< a line feed is the rest of that line's end
    bool begun_ = false;       ///< a byte came that is no white space
    ErrorWords words_;
    JsonScanner scanner_;
    std::uint64_t input_ = 0, output_ = 0, cached_ = 0, cache_read_ = 0, cache_written_ = 0;
    std::string model_, message_, beside_, name_, code_, type_, reset_;
    bool named_ = false;
    // Of the event that is being read: an error if its type is one, which may stand last.
    bool event_is_error_ = false;
    std::string event_code_, event_words_;
};

/// Reads the model that a request asks for out of its body: the member "model" of the whole.
class RequestReader {
  public:
    RequestReader() : scanner_(&RequestReader::found, this) {}
    RequestReader(const RequestReader&) = delete;
    RequestReader& operator=(const RequestReader&) = delete;

    void feed(std::string_view bytes) {
        if (model_.empty()) scanner_.feed(bytes);
    }
    const std::string& model() const noexcept { return model_; }

  private:
    static void found(void* self, std::string_view path, std::string_view value, bool is_string);

    JsonScanner scanner_;
    std::string model_;
};

}  // namespace capsule::broker
