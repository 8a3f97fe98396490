#include "protocol/help_text.hpp"

#include <algorithm>
#include <vector>

#include "protocol/text_width.hpp"

namespace capsule {
namespace {

constexpr std::size_t narrowest_description = 20;  ///< columns
constexpr std::size_t below = 6;                   ///< the indent of a description that stands below its name

std::vector<std::string> lines_of(std::string_view page) {
    std::vector<std::string> lines;
    while (!page.empty()) {
        const std::size_t end = std::min(page.find('\n'), page.size());
        lines.emplace_back(page.substr(0, end));
        page.remove_prefix(std::min(end + 1, page.size()));
    }
    return lines;
}

std::size_t indent_of(const std::string& line) {
    return std::min(line.find_first_not_of(' '), line.size());
}

/// Where the description begins in "  name    description"; 0: this is no such line.
std::size_t description_in(const std::string& line) {
    const std::size_t indent = indent_of(line);
    const std::size_t gap = line.find("  ", indent);
    return indent == 0 || gap == std::string::npos ? 0 : std::min(line.find_first_not_of(' ', gap), line.size());
}

std::string block(const std::string& text, std::size_t width, std::size_t indent) {
    const std::size_t room = width > indent ? width - indent : 1;
    return std::string(indent, ' ') + wrapped(text, room, indent) + "\n";
}

std::string fitted_line(const std::string& line, std::size_t width) {
    if (display_width(line) <= width) return line + "\n";
    const std::size_t indent = indent_of(line);
    const std::size_t description = description_in(line);
    const std::size_t column = description == 0 ? indent : description;
    const std::string text = line.substr(column);
    if (column + narrowest_description > width && column > below) {
        std::string name = line.substr(0, column);
        name.erase(name.find_last_not_of(' ') + 1);
        return (name.empty() ? "" : block(name.substr(indent), width, indent)) + block(text, width, below);
    }
    return line.substr(0, column) + wrapped(text, width - column, column) + "\n";
}

bool is_prose(const std::string& line) {
    return !line.empty() && line.front() != ' ' && line.back() != ':' && !line.starts_with("Usage:");
}

}  // namespace

std::string help_text(std::string_view page, std::size_t width) {
    if (width == 0) return std::string(page);
    const auto lines = lines_of(page);
    std::string out;
    for (std::size_t at = 0; at < lines.size();) {
        if (!is_prose(lines[at])) {
            out += fitted_line(lines[at++], width);
            continue;
        }
        std::string paragraph = lines[at++];
        bool fits = display_width(paragraph) <= width;
        std::string as_it_is = paragraph + "\n";
        for (; at < lines.size() && is_prose(lines[at]); ++at) {
            paragraph += " " + lines[at];
            as_it_is += lines[at] + "\n";
            fits = fits && display_width(lines[at]) <= width;
        }
        out += fits ? as_it_is : wrapped(paragraph, width, 0) + "\n";
    }
    return out;
}

}  // namespace capsule
