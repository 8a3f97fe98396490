#include "daemon/edit/toml_text.hpp"

#include <algorithm>

namespace capsule {
namespace {

/// Follows strings, comments and brackets from character to character.
class Scanner {
  public:
    explicit Scanner(std::string_view text) : text_(text) {}

    bool outside() const { return mode_ == Mode::plain && depth_ == 0; }
    bool plain() const { return mode_ == Mode::plain; }

    // Takes what stands at `at` and gives where to go on. A line ending is always taken alone.
    std::size_t step(std::size_t at) {
        const char c = text_[at];
        switch (mode_) {
            case Mode::plain:
                return step_plain(at);
            case Mode::comment:
            case Mode::one_line:
                if (c == '\n' || (mode_ == Mode::one_line && c == quote_)) mode_ = Mode::plain;
                return at + escaped(at);
            case Mode::many_lines:
                return c == quote_ && triple(at) ? close(at) : at + escaped(at);
        }
        return at + 1;
    }

  private:
    enum class Mode { plain, comment, one_line, many_lines };

    bool triple(std::size_t at) const { return text_.substr(at, 3) == std::string(3, quote_); }

    std::size_t escaped(std::size_t at) const {
        const bool pair = (mode_ == Mode::one_line || mode_ == Mode::many_lines) && quote_ == '"' &&
                          text_[at] == '\\' && at + 1 < text_.size() && text_[at + 1] != '\n';
        return pair ? 2 : 1;
    }

    // Up to two quotes may stand right before the three that close.
    std::size_t close(std::size_t at) {
        mode_ = Mode::plain;
        std::size_t end = at + 3;
        while (end < at + 5 && end < text_.size() && text_[end] == quote_)
            ++end;
        return end;
    }

    std::size_t step_plain(std::size_t at) {
        const char c = text_[at];
        if (c == '#') mode_ = Mode::comment;
        if (c == '[' || c == '{') ++depth_;
        if ((c == ']' || c == '}') && depth_ > 0) --depth_;
        if (c != '"' && c != '\'') return at + 1;
        quote_ = c;
        mode_ = triple(at) ? Mode::many_lines : Mode::one_line;
        return at + (mode_ == Mode::many_lines ? 3 : 1);
    }

    std::string_view text_;
    Mode mode_ = Mode::plain;
    char quote_ = 0;
    int depth_ = 0;
};

TomlLine::Kind kind_of(std::string_view line) {
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return TomlLine::Kind::blank;
    if (line[first] == '#') return TomlLine::Kind::comment;
    return line[first] == '[' ? TomlLine::Kind::header : TomlLine::Kind::other;
}

std::string_view trimmed(std::string_view line) {
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

bool quiet(const TomlLine& line) {
    return line.kind == TomlLine::Kind::blank || line.kind == TomlLine::Kind::comment;
}

// `lines` from `first` up to `last`, cut before each header with what stands above it.
std::vector<TomlBlock::Part> cut(const std::vector<TomlLine>& lines, std::size_t first, std::size_t last) {
    std::vector<TomlBlock::Part> parts;
    std::size_t start = first;
    const auto add = [&](std::size_t end) {
        if (end > start) parts.push_back({lines[start].begin, lines[end - 1].next});
        start = end;
    };
    for (std::size_t i = first; i < last; ++i) {
        if (lines[i].kind != TomlLine::Kind::header) continue;
        std::size_t above = i;
        while (above > start && quiet(lines[above - 1]))
            --above;
        add(above);
    }
    std::size_t end = last;
    while (end > start && quiet(lines[end - 1]))
        --end;
    add(end);
    add(last);
    return parts;
}

std::size_t most_dots_of_a_line(std::string_view text) {
    std::size_t most = 0;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        most = std::max(most, static_cast<std::size_t>(std::ranges::count(line, '.')));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
    return most;
}

TomlBlock make_block(const std::vector<TomlLine>& lines, std::size_t first, std::size_t last) {
    TomlBlock block{lines[first].begin, lines[last].end, lines[last].next, {}, first + 1, last + 1, 0};
    block.parts = cut(lines, first + 1, last);
    std::size_t after = last + 1;
    while (after < lines.size() && quiet(lines[after]))
        ++after;
    if (after < lines.size() && lines[after].kind != TomlLine::Kind::header) block.setting_after = after + 1;
    return block;
}

}  // namespace

std::vector<TomlLine> read_toml_lines(std::string_view text) {
    std::vector<TomlLine> lines;
    Scanner scanner(text);
    std::size_t at = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    while (at < text.size()) {
        TomlLine line;
        line.begin = at;
        const bool outside = scanner.outside();
        while (at < text.size() && text[at] != '\n')
            at = scanner.step(at);
        line.end = at;
        line.ended = at < text.size();
        if (line.ended) {
            scanner.step(at++);
            if (line.end > line.begin && text[line.end - 1] == '\r') --line.end;
        }
        line.next = at;
        if (outside) line.kind = kind_of(text.substr(line.begin, line.end - line.begin));
        lines.push_back(line);
    }
    return lines;
}

TomlBlockSearch find_toml_blocks(std::string_view text) {
    TomlBlockSearch out;
    if (text.find("capsuled") == std::string_view::npos) return out;
    const std::vector<TomlLine> lines = read_toml_lines(text);
    std::size_t open = lines.size();
    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (lines[i].kind != TomlLine::Kind::comment) continue;
        const std::string_view line = trimmed(text.substr(lines[i].begin, lines[i].end - lines[i].begin));
        // A line with any other words is its author's, and is never replaced.
        const bool starts = line == block_start;
        if (!starts && line != block_end) continue;
        if (starts != (open == lines.size())) {
            out.unpaired_line = starts ? open + 1 : i + 1;
            return out;
        }
        if (!starts) out.blocks.push_back(make_block(lines, open, i));
        open = starts ? i : lines.size();
    }
    if (open != lines.size()) out.unpaired_line = open + 1;
    return out;
}

bool has_toml_comment(std::string_view text) {
    Scanner scanner(text);
    for (std::size_t at = 0; at < text.size(); at = scanner.step(at))
        if (scanner.plain() && text[at] == '#') return true;
    return false;
}

bool has_toml_key_longer_than(std::string_view text, std::size_t parts) {
    // A key stands on one line, and hardly any line has so many dots: then nobody need look where they stand.
    if (most_dots_of_a_line(text) < parts) return false;
    std::size_t dots = 0;
    Scanner scanner(text);
    for (std::size_t at = 0; at < text.size(); at = scanner.step(at)) {
        if (!scanner.plain()) continue;
        if (text[at] == '.' && ++dots >= parts) return true;
        if (std::string_view("=,[]{}\n#").find(text[at]) != std::string_view::npos) dots = 0;
    }
    return false;
}

std::string_view line_ending(std::string_view text) {
    const std::size_t newline = text.find('\n');
    return newline != std::string_view::npos && newline > 0 && text[newline - 1] == '\r' ? "\r\n" : "\n";
}

}  // namespace capsule
