#include "client/output.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdint>
#include <cwchar>
#include <numeric>
#include <utility>

#include "protocol/utf8.hpp"

namespace capsule {
namespace {

constexpr std::size_t narrowest_column = 8;        ///< of those that are cut, while there is room for more
constexpr std::size_t narrowest_last_column = 20;  ///< one that is narrower is cut and not wrapped

std::string_view sgr(Tone tone) {
    switch (tone) {
        case Tone::strong:
            return "1";
        case Tone::dim:
            return "2";
        case Tone::good:
            return "32";
        case Tone::bad:
            return "31";
        case Tone::warning:
            return "33";
        case Tone::plain:
            break;
    }
    return "";
}

struct Columns {
    std::vector<std::size_t> widths;
    std::size_t gap = 2;

    /// Without the last one.
    std::size_t before_last() const {
        return std::accumulate(widths.begin(), widths.end() - 1, (widths.size() - 1) * gap);
    }
    /// Takes from the widest of those before the last, down to `narrowest`, until all fit.
    void narrow(std::size_t narrowest, std::size_t last, std::size_t room) {
        while (before_last() + last > room) {
            const auto widest = std::max_element(widths.begin(), widths.end() - 1);
            if (widest == widths.end() - 1 || *widest <= narrowest) return;
            --*widest;
        }
    }
};

/// As wide as their widest cell, as far as the terminal has room: the last one is wrapped, the others are cut.
Columns columns_of(const std::vector<std::vector<Cell>>& rows, const Style& style, std::size_t indent) {
    Columns columns;
    for (const auto& row : rows) {
        columns.widths.resize(std::max(columns.widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i)
            columns.widths[i] = std::max(columns.widths[i], display_width(row[i].text));
    }
    if (columns.widths.empty() || style.width <= indent) return columns;
    const std::size_t room = style.width - indent;
    const std::size_t last = columns.widths.back();
    columns.narrow(narrowest_column, std::min(last, narrowest_last_column), room);
    if (columns.before_last() + std::min(last, narrowest_last_column) <= room) return columns;
    columns.gap = 1;
    columns.narrow(1, std::min(last, narrowest_column), room);
    return columns;
}

/// While it lives, this thread's characters are UTF-8, whatever the environment says.
class Utf8 {
  public:
    Utf8() {
        static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
        if (utf8 != nullptr) before_ = ::uselocale(utf8);
    }
    ~Utf8() {
        if (before_ != nullptr) ::uselocale(before_);
    }
    Utf8(const Utf8&) = delete;
    Utf8& operator=(const Utf8&) = delete;

  private:
    locale_t before_ = nullptr;
};

struct Character {
    std::size_t bytes = 1;
    std::size_t columns = 1;
};

/// The first character of `text`, which is not empty. Needs Utf8.
Character first_character(std::string_view text) {
    const Utf8Character character = first_utf8_character(text);
    if (character.bytes == 0) return {};
    const int columns = ::wcwidth(static_cast<wchar_t>(character.code));
    return {character.bytes, columns < 0 ? 1 : static_cast<std::size_t>(columns)};
}

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string without_trailing_spaces(std::string line) {
    line.erase(line.find_last_not_of(' ') + 1);
    return line;
}

/// One row, its last cell wrapped into the columns that are left.
std::string row_text(const std::vector<Cell>& row, const Columns& columns, std::size_t indent, const Style& style) {
    std::string line(indent, ' ');
    std::size_t column = indent;
    for (std::size_t i = 0; i < row.size(); ++i) {
        const bool last = i + 1 == columns.widths.size();
        const std::string& text = row[i].text;
        if (last) {
            const std::size_t room = style.width > column ? style.width - column : style.width == 0 ? 0 : 1;
            const bool cut = style.width != 0 && room < narrowest_last_column;
            line += paint(cut ? fitted(text, room) : wrapped(text, room, column), row[i].tone, style);
            break;
        }
        const std::string shown = fitted(text, columns.widths[i]);
        line += paint(shown, row[i].tone, style);
        line.append(columns.widths[i] - display_width(shown) + columns.gap, ' ');
        column += columns.widths[i] + columns.gap;
    }
    return without_trailing_spaces(std::move(line)) + "\n";
}

}  // namespace

Style style_of(int descriptor, const EnvironmentLookup& env) {
    Style style;
    if (::isatty(descriptor) == 0) return style;
    style.terminal = true;
    style.colour = !env("NO_COLOR") && env("TERM").value_or("dumb") != "dumb";
    winsize size{};
    if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0) style.width = size.ws_col;
    return style;
}

std::string paint(std::string_view text, Tone tone, const Style& style) {
    if (!style.colour || tone == Tone::plain || text.empty()) return std::string(text);
    return "\x1b[" + std::string(sgr(tone)) + "m" + std::string(text) + "\x1b[0m";
}

std::string printable(std::string_view text, bool keep_lines) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const bool c1 = byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
        if (keep_lines && (byte == '\n' || byte == '\t')) {
            out += text[i];
        } else if (byte < 0x20 || byte == 0x7F) {
            out += '?';
        } else if (c1) {  // U+0080 to U+009F, which some terminals obey as well
            out += '?';
            ++i;
        } else {
            out += text[i];
        }
    }
    return out;
}

std::size_t display_width(std::string_view text) {
    if (is_ascii(text)) return text.size();
    const Utf8 utf8;
    std::size_t columns = 0;
    while (!text.empty()) {
        const Character character = first_character(text);
        columns += character.columns;
        text.remove_prefix(character.bytes);
    }
    return columns;
}

std::string fitted(std::string_view text, std::size_t width) {
    if (display_width(text) <= width) return std::string(text);
    if (width == 0) return {};
    const Utf8 utf8;
    std::size_t kept = 0;
    for (std::size_t columns = 0; kept < text.size();) {
        const Character character = first_character(text.substr(kept));
        columns += character.columns;
        if (columns > width - 1) break;
        kept += character.bytes;
    }
    return std::string(text.substr(0, kept)) + "…";
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
    if (width == 0) return std::string(text);
    std::string out;
    std::size_t column = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const std::size_t wide = display_width(word);
        if (column > 0 && column + 1 + wide > width) {
            out.append("\n").append(indent, ' ');
            column = 0;
        } else if (!out.empty()) {
            out += ' ';
            ++column;
        }
        out += word;
        column += wide;
    }
    return out;
}

std::string wrapped_first_line(const std::string& text, std::size_t width, std::size_t indent) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    return wrapped(text.substr(0, end), width, indent) + text.substr(end);
}

Table::Table(std::vector<std::string> heading) : heading_(std::move(heading)) {}

std::string Table::text(const Style& style, std::size_t indent) const {
    std::vector<std::vector<Cell>> rows;
    if (!heading_.empty()) {
        auto& first = rows.emplace_back();
        for (const std::string& title : heading_)
            first.push_back({title, Tone::dim});
    }
    rows.insert(rows.end(), rows_.begin(), rows_.end());
    for (auto& row : rows)
        for (Cell& cell : row)
            cell.text = printable(cell.text);
    const Columns columns = columns_of(rows, style, indent);
    std::string out;
    for (const auto& row : rows)
        out += row_text(row, columns, indent, style);
    return out;
}

std::string warnings_text(const std::vector<Warning>& warnings, const Style& style) {
    std::string out;
    for (const Warning& warning : warnings) {
        const std::size_t width = style.width > 4 ? style.width - 2 : 0;
        out += paint("!", Tone::warning, style) + " " + wrapped_first_line(printable(warning.message, true), width, 2) +
               "\n";
    }
    return out;
}

std::string duration_text(double seconds) {
    const auto whole = static_cast<std::int64_t>(std::max(seconds, 0.0));
    const auto text = [](std::int64_t count, std::string_view unit) {
        return std::to_string(count) + " " + std::string(unit);
    };
    if (whole < 60) return text(whole, "s");
    if (whole < 3600) return text(whole / 60, "min");
    if (whole < 86400) return text(whole / 3600, "h") + " " + text(whole / 60 % 60, "min");
    return text(whole / 86400, whole < 2 * 86400 ? "day" : "days") + " " + text(whole / 3600 % 24, "h");
}

}  // namespace capsule
