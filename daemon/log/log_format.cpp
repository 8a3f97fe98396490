#include "daemon/log/log_format.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <ctime>
#include <limits>
#include <memory>

#include "protocol/utf8.hpp"

namespace capsule {
namespace {

using Buffer = spdlog::memory_buf_t;

/// Other users choose what is in a field: a path of 4096 control characters takes 24 KiB here. The log's limits count
/// lines, so a line needs an upper bound.
constexpr std::size_t most_of_a_field = 1024;
constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

void append(Buffer& out, std::string_view text) {
    out.append(text.data(), text.data() + text.size());
}

void append_number(Buffer& out, std::int64_t number) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append(digits.data(), end);
}

/// What a terminal or a reader of lines would obey: control characters, line separators, changes of direction.
bool is_obeyed(char32_t code) {
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

void append_escape(Buffer& out, char32_t code) {
    switch (code) {
        case '\n':
            return append(out, "\\n");
        case '\r':
            return append(out, "\\r");
        case '\t':
            return append(out, "\\t");
        default:
            break;
    }
    constexpr std::string_view hex = "0123456789abcdef";
    append(out, "\\u");
    for (const int shift : {12, 8, 4, 0})
        out.push_back(hex[code >> shift & 0xfU]);
}

/// `text` as one line of UTF-8, and as what may stand between a JSON string's quotes if `quoted`. Each byte that is no
/// UTF-8 becomes U+FFFD. What takes more than `most` bytes ends with "…".
void append_escaped(Buffer& out, std::string_view text, bool quoted, std::size_t most) {
    const std::size_t begin = out.size();
    while (!text.empty()) {
        if (out.size() - begin >= most) return append(out, "\u2026");
        const Utf8Character character = first_utf8_character(text);
        if (character.bytes == 0) {
            append(out, "\xef\xbf\xbd");
        } else if (is_obeyed(character.code)) {
            append_escape(out, character.code);
        } else {
            if (quoted && (character.code == '"' || character.code == '\\')) out.push_back('\\');
            append(out, text.substr(0, character.bytes));
        }
        text.remove_prefix(std::max<std::size_t>(character.bytes, 1));
    }
}

void append_quoted(Buffer& out, std::string_view text, std::size_t most) {
    out.push_back('"');
    append_escaped(out, text, true, most);
    out.push_back('"');
}

/// A value that could be taken for more than one word, or for the next field, is quoted.
bool is_word(std::string_view text) {
    return !text.empty() && text.find_first_of(" \"=\\") == text.npos;
}

/// 2026-11-23T06:00:00.123Z
void append_time(Buffer& out, spdlog::log_clock::time_point time) {
    const auto since_epoch = time.time_since_epoch();
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
    const std::time_t seconds = milliseconds / 1000;
    // The many lines of a busy second share its text. Lines are formatted one at a time, under the sink's lock.
    static std::time_t known = -1;
    static std::array<char, 32> text{};
    static std::size_t size = 0;
    if (seconds != known) {
        std::tm utc{};
        ::gmtime_r(&seconds, &utc);
        size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.", &utc);
        known = seconds;
    }
    append(out, {text.data(), size});
    const auto rest = static_cast<unsigned>(milliseconds % 1000);
    for (const unsigned digit : {rest / 100, rest / 10 % 10, rest % 10})
        out.push_back(static_cast<char>('0' + digit));
    out.push_back('Z');
}

/// The level as sd-daemon(3) marks it.
std::string_view journal_mark(spdlog::level::level_enum level) {
    switch (level) {
        case spdlog::level::critical:
            return "<2>";
        case spdlog::level::err:
            return "<3>";
        case spdlog::level::warn:
            return "<4>";
        case spdlog::level::info:
            return "<6>";
        default:
            return "<7>";
    }
}

std::string_view level_name(spdlog::level::level_enum level) {
    switch (level) {
        case spdlog::level::err:
            return "error";
        case spdlog::level::warn:
            return "warn";
        default:
            return spdlog::level::to_string_view(level).data();
    }
}

}  // namespace

void LineFormatter::format(const spdlog::details::log_msg& record, Buffer& out) {
    const std::string_view logger{record.logger_name.data(), record.logger_name.size()};
    const std::string_view payload{record.payload.data(), record.payload.size()};
    if (to_journal_) append(out, journal_mark(record.level));
    if (format_ == LogFormat::json) {
        append(out, R"({"time":")");
        append_time(out, record.time);
        append(out, R"(","level":")");
        append(out, level_name(record.level));
        append(out, logger == fields_logger ? R"(",)" : R"(","message":)");
    } else if (!to_journal_) {  // journald has its own time stamps
        append_time(out, record.time);
        out.push_back(' ');
        append(out, level_name(record.level));
        out.push_back(' ');
    }
    if (logger == fields_logger)
        append(out, payload);
    else if (format_ == LogFormat::json)
        append_quoted(out, payload, no_limit);
    else
        append_escaped(out, payload, false, no_limit);
    append(out, format_ == LogFormat::json ? "}\n" : "\n");
}

std::unique_ptr<spdlog::formatter> LineFormatter::clone() const {
    return std::make_unique<LineFormatter>(format_, to_journal_);
}

void append_field(Buffer& out, LogFormat format, const LogField& field) {
    const bool json = format == LogFormat::json;
    if (json)
        append(out, R"(,")");
    else
        out.push_back(' ');
    append(out, field.name);
    append(out, json ? R"(":)" : "=");
    if (const auto* number = std::get_if<std::int64_t>(&field.value)) return append_number(out, *number);
    const auto text = std::get<std::string_view>(field.value);
    if (json || !is_word(text))
        append_quoted(out, text, most_of_a_field);
    else
        append_escaped(out, text, false, most_of_a_field);
}

}  // namespace capsule
