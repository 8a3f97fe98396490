#include "client/output.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <utility>

#include "protocol/utc_time.hpp"
#include "protocol/utf8.hpp"

namespace capsule {
namespace {

constexpr std::size_t narrowest_column = 8;        ///< of those that are cut, while there is room for more
constexpr std::size_t narrowest_last_column = 20;  ///< one that is narrower is cut and not wrapped
constexpr std::size_t narrowest_of_all = 6;        ///< a word that is cut shorter says nothing

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
    /// @return whether they do.
    bool narrow(std::size_t narrowest, std::size_t last, std::size_t room) {
        while (before_last() + last > room) {
            const auto widest = std::max_element(widths.begin(), widths.end() - 1);
            if (widest == widths.end() - 1 || *widest <= narrowest) return false;
            --*widest;
        }
        return true;
    }
};

/// As wide as their widest cell, as far as the terminal has room: the last one is wrapped, the others are cut.
/// @return nothing where too little would be left of them.
std::optional<Columns> columns_of(const std::vector<std::vector<Cell>>& rows, const Style& style, std::size_t indent) {
    Columns columns;
    for (const auto& row : rows) {
        columns.widths.resize(std::max(columns.widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i)
            columns.widths[i] = std::max(columns.widths[i], display_width(row[i].text));
    }
    if (columns.widths.empty() || style.width <= indent) return columns;
    const std::size_t room = style.width - indent;
    const std::size_t last = columns.widths.back();
    if (columns.narrow(narrowest_column, std::min(last, narrowest_last_column), room)) return columns;
    columns.gap = 1;
    if (columns.narrow(narrowest_of_all, std::min(last, narrowest_column), room)) return columns;
    return std::nullopt;
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

/// For a terminal without room for columns: each cell on a line of its own, below its title.
std::string stacked(const std::vector<std::string>& titles, const std::vector<std::vector<Cell>>& rows,
                    std::size_t indent, const Style& style) {
    constexpr std::size_t further = 2;
    std::string out;
    for (const auto& row : rows) {
        if (!out.empty()) out += "\n";
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string title = i < titles.size() && !titles[i].empty() ? titles[i] + " " : "";
            if (row[i].text.empty()) continue;
            const std::size_t begin = indent + (i == 0 ? 0 : further);
            const std::size_t room = style.width > begin + further ? style.width - begin - further : 0;
            const std::string text = wrapped_first_line(title + row[i].text, room, begin + further);
            const std::size_t shown = std::min(title.size(), text.size());
            out += std::string(begin, ' ') + paint(text.substr(0, shown), Tone::dim, style) +
                   paint(text.substr(shown), row[i].tone, style) + "\n";
        }
    }
    return out;
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

bool shows_utf8(const EnvironmentLookup& env) {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
        if (const auto locale = env(name)) {
            std::string lower;
            for (const char c : *locale)
                if (c != '-') lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
            return lower.find("utf8") != lower.npos;
        }
    return true;
}

std::string in_ascii(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const Utf8Character character = first_utf8_character(text);
        const std::string_view bytes = text.substr(0, std::max<std::size_t>(character.bytes, 1));
        text.remove_prefix(bytes.size());
        if (bytes.size() == 1 && static_cast<unsigned char>(bytes.front()) < 0x80)
            out += bytes;
        else if (bytes == "…")
            out += '~';
        else if (bytes == "●")
            out += '*';
        else if (bytes == "–" || bytes == "—")
            out += '-';
        else
            out.append(display_width(bytes), '?');
    }
    return out;
}

std::string paint(std::string_view text, Tone tone, const Style& style) {
    if (!style.colour || tone == Tone::plain || text.empty()) return std::string(text);
    return "\x1b[" + std::string(sgr(tone)) + "m" + std::string(text) + "\x1b[0m";
}

std::string printable(std::string_view text, bool keep_lines) {
    return harmless_text(text, '?', keep_lines);
}

Table::Table(std::vector<std::string> heading) : heading_(std::move(heading)) {
    for (std::string& title : heading_)
        title = printable(title);
}

std::string Table::text(const Style& style, std::size_t indent) const {
    std::vector<std::vector<Cell>> rows = rows_;
    for (auto& row : rows)
        for (Cell& cell : row)
            cell.text = printable(cell.text);
    auto with_heading = rows;
    if (!heading_.empty()) {
        auto& first = *with_heading.emplace(with_heading.begin());
        for (const std::string& title : heading_)
            first.push_back({title, Tone::dim});
    }
    const auto columns = columns_of(with_heading, style, indent);
    if (!columns) return stacked(heading_, rows, indent, style);
    std::string out;
    for (const auto& row : with_heading)
        out += row_text(row, *columns, indent, style);
    return out;
}

std::string paragraph(std::string_view text, const Style& style) {
    return wrapped(printable(text), style.width, 0) + "\n";
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

std::string duration_since(const std::string& at) {
    const auto then = utc_time(at);
    if (!then) return at;
    return duration_text(std::chrono::duration<double>(std::chrono::system_clock::now() - *then).count());
}

std::string ago_text(const std::string& at) {
    return utc_time(at) ? duration_since(at) + " ago" : "at " + at;
}

}  // namespace capsule
