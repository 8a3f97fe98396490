#include "daemon/broker/core/answer_reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "daemon/broker/core/blocks.hpp"
#include "daemon/broker/core/json_escapes.hpp"
#include "protocol/utf8.hpp"

namespace capsule::broker {
namespace {

constexpr std::string_view data_field = "data:";
constexpr std::string_view events_begin = "deir:";  ///< data, event, id, retry, a comment
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr std::size_t max_model = 128;
constexpr std::size_t max_message = 500;
/// More tokens than that in one answer are a mistake of whoever wrote it.
constexpr std::uint64_t most_tokens = 1'000'000'000;

std::uint64_t number(std::string_view text) {
    std::uint64_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size() && out <= most_tokens ? out : 0;
}

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= max_model &&
           std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != '\\'; });
}

std::string readable(std::string_view json) {
    return readable_text(unescaped_json(json), max_message);
}

void first(std::string& out, std::string_view value) {
    if (out.empty()) out = readable(value);
}

constexpr std::size_t word_size = 7;  ///< of the shortest of these with its quotes

/// Whether a text begins with a name without which an event has nothing to read, or with what may be a part of one.
bool is_telling(std::string_view rest, bool model_too) {
    return is_escaped_letter(rest) || rest.starts_with("\"usage\"") || rest.starts_with("\"error\"") ||
           rest.starts_with("\"base_resp\"") || (model_too && rest.starts_with("\"model\""));
}

/// Whether a text has one of them anywhere. Sixteen places at once: a stream is a lot of text, and the
/// library's search takes longer than all that is done with it otherwise.
bool has_telling_word(std::string_view text, bool model_too) {
    const Block quote = sixteen('"'), escape = sixteen('\\'), u = sixteen('u'), g = sixteen('g'), e = sixteen('e'),
                o = sixteen('o'), m = sixteen('m'), b = sixteen('b'), zero = sixteen('0');
    std::size_t at = 0;
    for (; at + sizeof(Block) + word_size <= text.size(); at += sizeof(Block)) {
        const char* here = text.data() + at;
        const Block first = block_at(here), second = block_at(here + 1), fifth = block_at(here + 4);
        const auto found = ((first == quote) & (((second == u) & (fifth == g)) | ((second == e) & (fifth == o)) |
                                                (((second == m) | (second == b)) & (fifth == e)))) |
                           ((first == escape) & (second == u) & (block_at(here + 2) == zero));
        if (!any_of(found)) continue;
        for (std::size_t i = 0; i < sizeof(Block); ++i)
            if (is_telling(text.substr(at + i), model_too)) return true;
    }
    for (; at + word_size <= text.size(); ++at)
        if (is_telling(text.substr(at), model_too)) return true;
    return false;
}

}  // namespace

void AnswerReader::feed(std::string_view bytes) {
    if ((format_ == Format::events || format_ == Format::unknown) && !begun_) {
        // Some refusals are JSON that calls itself a stream of events, of which no line begins like that.
        const std::size_t first = bytes.find_first_not_of(" \t\r\n\xef\xbb\xbf");
        begun_ = first != bytes.npos;
        if (begun_ && (bytes[first] == '{' || bytes[first] == '['))
            format_ = Format::json;
        else if (begun_ && format_ == Format::unknown && events_begin.find(bytes[first]) != events_begin.npos)
            format_ = Format::events;
    }
    if (format_ == Format::json) {
        words_.feed(bytes);
        scanner_.feed(bytes);
    }
    if (format_ == Format::events) feed_events(bytes);
}

/// The standard lets a stream begin with a byte order mark.
std::string_view AnswerReader::after_mark(std::string_view bytes) {
    while (mark_ < byte_order_mark.size() && !bytes.empty()) {
        if (bytes.front() != byte_order_mark[mark_]) {
            if (mark_ > 0) line_ = Line::other;
            mark_ = byte_order_mark.size();
            break;
        }
        bytes.remove_prefix(1);
        ++mark_;
    }
    return bytes;
}

/// Most events are a few words of the answer: whole ones that cannot hold what is looked for are passed by at once.
std::string_view AnswerReader::after_dull_events(std::string_view bytes) const {
    constexpr int most_lines = 4;  // at the end, of an event that has not come whole
    std::size_t end = bytes.rfind('\n');
    for (int line = 0; line < most_lines && end != bytes.npos && end > 0; ++line) {
        const std::size_t before = bytes.rfind('\n', end - 1);
        const bool empty = before != bytes.npos && (end - before == 1 || (end - before == 2 && bytes[end - 1] == '\r'));
        if (empty) {
            const std::string_view whole = bytes.substr(0, end + 1);
            return has_telling_word(whole, model_.empty()) ? bytes : bytes.substr(whole.size());
        }
        end = before;
    }
    return bytes;
}

/// At a line's begin. Gives how many of the bytes belong to it; an empty line ends an event.
std::size_t AnswerReader::begin_line(std::string_view bytes) {
    const char c = bytes.front();
    if (prefix_ == 0 && (c == '\r' || c == '\n')) {
        in_event_ = false;
        line_ = Line::other;  // of which nothing is left but its end
        return 0;
    }
    if (c != data_field[prefix_]) {
        line_ = Line::other;
        prefix_ = 0;
        return 0;
    }
    if (++prefix_ < data_field.size()) return 1;
    prefix_ = 0;
    line_ = Line::data;
    // The lines of one event are one text.
    if (std::exchange(in_event_, true))
        scanner_.feed("\n");
    else
        begin_text();
    return 1;
}

void AnswerReader::feed_events(std::string_view bytes) {
    bytes = after_mark(bytes);
    std::string_view looked_into = bytes;
    const char* line_feed = nullptr;  // the next one or the end, once it has been looked for and while it is ahead
    bool looked = false;              // for dull events, once the event has ended that began in an earlier piece
    while (!bytes.empty()) {
        if (std::exchange(after_cr_, false) && bytes.front() == '\n') {
            bytes.remove_prefix(1);
            continue;
        }
        if (line_ == Line::begin) {
            if (prefix_ == 0 && !in_event_ && !std::exchange(looked, true)) {
                const std::string_view rest = after_dull_events(bytes);
                if (rest.size() < bytes.size()) {
                    words_.feed(looked_into.substr(0, looked_into.size() - bytes.size()));
                    words_.skip();
                    bytes = looked_into = rest;
                }
            } else {
                bytes.remove_prefix(begin_line(bytes));
            }
            continue;
        }
        // A stream may have either for all its line ends. That of the other kind is not looked for at each.
        if (line_feed <= bytes.data()) line_feed = bytes.data() + std::min(bytes.find('\n'), bytes.size());
        const auto before = static_cast<std::size_t>(line_feed - bytes.data());
        const std::size_t end = std::min(bytes.substr(0, before).find('\r'), before);
        if (line_ == Line::data) scanner_.feed(bytes.substr(0, end));
        if (end == bytes.size()) break;
        line_ = Line::begin;
        after_cr_ = bytes[end] == '\r';
        bytes.remove_prefix(end + 1);
    }
    words_.feed(looked_into);
}

void AnswerReader::found(void* self, std::string_view path, std::string_view value, bool is_string) {
    static_cast<AnswerReader*>(self)->take(path, value, is_string);
}

void AnswerReader::take(std::string_view path, std::string_view value, bool is_string) {
    take_outermost(path, value, is_string);
    // Anthropic's first event has it below "message", the responses' below "response", some chat streams below a
    // choice.
    constexpr std::array<std::string_view, 3> wrappers{"message.", "response.", "choices.[]."};
    for (const std::string_view wrapper : wrappers)
        if (path.starts_with(wrapper)) {
            path.remove_prefix(wrapper.size());
            break;
        }
    if (path.starts_with("usage.") && !is_string) {
        path.remove_prefix(6);
        const auto count = [&](std::uint64_t& total) { total = std::max(total, number(value)); };
        if (path == "input_tokens" || path == "prompt_tokens")
            count(input_);
        else if (path == "output_tokens" || path == "completion_tokens")
            count(output_);
        else if (path == "cache_read_input_tokens")
            count(cache_read_);
        else if (path == "cache_creation_input_tokens")
            count(cache_written_);
        else if (path == "input_tokens_details.cached_tokens" || path == "prompt_tokens_details.cached_tokens" ||
                 path == "cached_tokens")
            count(cached_);
    } else if (path == "model" && is_string) {
        if (model_.empty() && is_name(value)) model_ = value;
    } else {
        take_error(path, value, is_string);
    }
}

void AnswerReader::begin_text() {
    scanner_.reset();
    event_is_error_ = false;
    event_code_.clear();
    event_words_.clear();
}

void AnswerReader::take_error(std::string_view path, std::string_view value, bool is_string) {
    if (value.empty() || (value == "null" && !is_string)) return;
    if (path == "error.message") {
        named_ = true;
        first(message_, value);
    } else if (path == "base_resp.status_msg") {
        first(message_, value);
    } else if (path == "error.code") {
        first(code_, value);
    } else if (path == "base_resp.status_code" && value != "0") {
        first(code_, value);
    } else if (path == "error.resets_at" || path == "error.reset_at" || path == "error.reset_time") {
        first(reset_, value);
    } else if (path == "error.type") {
        first(type_, value);
    } else if (path == "error" && is_string) {
        named_ = true;
        first(name_, value);
    }
}

/// An answer that is no stream may have an error's words beside everything else. An event is read like that only if its
/// type is "error": other events have a code and a message as well, and each event that is looked into must have one of
/// the telling words.
void AnswerReader::take_outermost(std::string_view path, std::string_view value, bool is_string) {
    if (value.empty() || (value == "null" && !is_string)) return;
    const bool whole = format_ == Format::json;
    if (path == "type" && value == "error" && is_string)
        event_is_error_ = named_ = true;
    else if (path == "code" && value != "0" && value != "200")
        first(event_code_, value);
    else if (is_string && (path == "message" || (whole && (path == "msg" || path == "error_msg" || path == "detail" ||
                                                           path == "detail.[].msg"))))
        first(event_words_, value);
    else
        return;
    if (!whole && !event_is_error_) return;
    if (code_.empty()) code_ = event_code_;
    if (beside_.empty()) beside_ = event_words_;
}

Usage AnswerReader::usage() const noexcept {
    // Anthropic counts what its cache holds beside the input, OpenAI within it.
    return {input_ + cache_read_ + cache_written_, output_, std::max(cached_, cache_read_)};
}

void RequestReader::found(void* self, std::string_view path, std::string_view value, bool is_string) {
    auto& model = static_cast<RequestReader*>(self)->model_;
    if (path == "model" && is_string && model.empty() && is_name(value)) model = value;
}

}  // namespace capsule::broker
