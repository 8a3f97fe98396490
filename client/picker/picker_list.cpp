#include "client/picker/picker_list.hpp"

#include <algorithm>
#include <cctype>
#include <sstream>
#include <utility>

namespace capsule {
namespace {

constexpr std::size_t column_gap = 2;
constexpr std::size_t narrowest_column = 4;
constexpr std::string_view selected_mark = "> ", other_mark = "  ";
constexpr std::string_view help = "Enter: start   Up, Down: move   type: filter   Esc: cancel";
constexpr std::string_view help_with_back = "Enter: start   Up, Down: move   Left: back   type: filter   Esc: cancel";

/// Lower case where that is a matter of ASCII; other letters match as they are.
std::string folded(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
    return out;
}

bool matches(const std::string& filter, const std::string& haystack) {
    const std::string in = folded(haystack);
    std::istringstream words(folded(filter));
    for (std::string word; words >> word;)
        if (in.find(word) == std::string::npos) return false;
    return true;
}

std::string searched(const PickerEntry& entry) {
    std::string text = entry.id;
    for (const Cell& cell : entry.cells)
        text += "\n" + cell.text;
    return text;
}

/// `cells` cut to `width` columns.
PickerLine line(std::vector<Cell> cells, std::size_t width, bool selected = false) {
    PickerLine out{{}, selected};
    for (Cell& cell : cells) {
        cell.text = fitted(cell.text, width);
        width -= display_width(cell.text);
        if (!cell.text.empty()) out.cells.push_back(std::move(cell));
    }
    return out;
}

struct Layout {
    bool title = false;
    bool filter = false;
    bool help = false;
    bool gaps = false;  ///< empty lines below the filter and above the help
    std::size_t entries = 1;
};

/// What has room in `height` lines, the more important first.
Layout layout(std::size_t height, std::size_t entries) {
    Layout out;
    out.filter = height >= 2;
    out.title = height >= 3;
    out.help = height >= 5;
    out.gaps = height >= 9;
    const std::size_t taken = static_cast<std::size_t>(out.filter) + out.title + out.help + 2 * out.gaps;
    out.entries = std::clamp<std::size_t>(entries, 1, height - std::min(taken, height - 1));
    return out;
}

}  // namespace

PickerList::PickerList(PickerPage page) : page_(std::move(page)) {
    page_.title = printable(page_.title);
    for (PickerEntry& entry : page_.entries) {
        widths_.resize(std::max(widths_.size(), entry.cells.size()));
        for (std::size_t i = 0; i < entry.cells.size(); ++i) {
            entry.cells[i].text = printable(entry.cells[i].text);
            widths_[i] = std::max(widths_[i], display_width(entry.cells[i].text));
        }
    }
    apply_filter();
    const auto wanted = std::find_if(page_.entries.begin(), page_.entries.end(),
                                     [&](const PickerEntry& entry) { return page_.preselected == entry.id; });
    if (wanted != page_.entries.end()) at_ = static_cast<std::size_t>(wanted - page_.entries.begin());
}

void PickerList::apply_filter() {
    const auto before = matching_.empty() ? page_.entries.size() : matching_[at_];
    matching_.clear();
    for (std::size_t i = 0; i < page_.entries.size(); ++i)
        if (matches(filter_, searched(page_.entries[i]))) matching_.push_back(i);
    const auto same = std::find(matching_.begin(), matching_.end(), before);
    at_ = same == matching_.end() ? 0 : static_cast<std::size_t>(same - matching_.begin());
}

void PickerList::type(std::string_view text) {
    filter_ += text;
    apply_filter();
}

void PickerList::erase() {
    const auto is_continuation = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; };
    while (!filter_.empty() && is_continuation(filter_.back()))
        filter_.pop_back();
    if (!filter_.empty()) filter_.pop_back();
    apply_filter();
}

void PickerList::clear() {
    filter_.clear();
    apply_filter();
}

void PickerList::move(long steps) {
    if (matching_.empty()) return;
    const long last = static_cast<long>(matching_.size()) - 1;
    at_ = static_cast<std::size_t>(std::clamp(static_cast<long>(at_) + steps, 0L, last));
}

std::optional<std::string> PickerList::selected() const {
    if (matching_.empty()) return std::nullopt;
    return page_.entries[matching_[at_]].id;
}

std::size_t PickerList::page_size(std::size_t height) const {
    return layout(std::max<std::size_t>(height, 1), page_.entries.size()).entries;
}

std::vector<std::size_t> PickerList::widths_in(std::size_t width) const {
    std::vector<std::size_t> out = widths_;
    std::size_t taken = other_mark.size();
    for (const std::size_t each : out)
        taken += each + column_gap;
    taken -= column_gap;  // behind the last one
    for (std::size_t column = out.size(); column-- > 2 && taken > width;) {
        std::size_t& each = out[column - 1];
        const std::size_t less = std::min(taken - width, each - std::min(each, narrowest_column));
        each -= less;
        taken -= less;
    }
    return out;
}

std::vector<Cell> PickerList::row(std::size_t at, const std::vector<std::size_t>& widths) const {
    const PickerEntry& entry = page_.entries[matching_[at]];
    std::vector<Cell> cells{{std::string(at == at_ ? selected_mark : other_mark)}};
    for (std::size_t column = 0; column < entry.cells.size(); ++column) {
        Cell cell = entry.cells[column];
        cell.text = fitted(cell.text, widths[column]);
        const std::size_t padding = widths[column] - display_width(cell.text) + column_gap;
        if (column + 1 < entry.cells.size()) cell.text.append(padding, ' ');
        cells.push_back(std::move(cell));
    }
    return cells;
}

std::vector<std::string> PickerList::refusals(std::size_t room, std::size_t width) const {
    std::vector<std::string> out{"", "Not available:"};
    constexpr std::size_t begin_of_cure = 4, deeper = 2;  // further lines of one text begin deeper
    const auto add = [&](const std::string& text, std::size_t begin) {
        const std::size_t further = begin + deeper;
        std::istringstream lines(std::string(begin, ' ') +
                                 wrapped(printable(text), width > further ? width - further : 1, further));
        for (std::string line; std::getline(lines, line);)
            out.push_back(line);
    };
    for (const PickerRefusal& each : page_.refusals) {
        if (!matches(filter_, each.label + "\n" + each.reason)) continue;
        add(each.label + ": " + each.reason, 2);
        const std::string whole = each.cure + (each.command.empty() ? "" : " ") + each.command;
        if (each.cure.empty()) continue;
        if (each.command.empty() || begin_of_cure + deeper + display_width(whole) <= width) {
            add(whole, begin_of_cure);
            continue;
        }
        add(each.cure, begin_of_cure);
        add(each.command, begin_of_cure);
    }
    if (out.size() == 2 || room < 3) return {};
    if (out.size() > room) {
        out.resize(room);
        out.back() = "  (and more: see \"capsulectl providers AGENT\")";
    }
    return out;
}

std::vector<PickerLine> PickerList::lines(std::size_t height, std::size_t width) const {
    if (height == 0) return {};
    const Layout room = layout(height, matching_.size());
    std::vector<PickerLine> out;
    const auto add = [&](std::vector<Cell> cells, bool selected = false) {
        out.push_back(line(std::move(cells), width, selected));
    };
    if (room.title) add({{page_.title, Tone::strong}});
    if (room.filter) {
        const std::string count = std::to_string(matching_.size()) + " of " + std::to_string(page_.entries.size());
        add({{"Filter: "}, {printable(filter_), Tone::strong}, {"_"}, {"   " + count, Tone::dim}});
    }
    if (room.gaps) add({});

    if (matching_.empty()) add({{"  nothing matches; Backspace widens the filter", Tone::dim}});
    const std::vector<std::size_t> widths = widths_in(width);
    // The selected one is kept in the middle, but for the ends.
    const std::size_t most = matching_.size() - std::min(room.entries, matching_.size());
    const std::size_t first = std::min(at_ - std::min(room.entries / 2, at_), most);
    for (std::size_t i = first; i < std::min(first + room.entries, matching_.size()); ++i)
        add(row(i, widths), i == at_);

    const std::size_t taken = out.size() + static_cast<std::size_t>(room.help) + room.gaps;
    for (std::string& text : refusals(height - std::min(taken, height), width))
        add({{std::move(text), Tone::dim}});
    if (room.gaps) add({});
    if (room.help) add({{std::string(page_.has_page_before ? help_with_back : help), Tone::dim}});
    return out;
}

}  // namespace capsule
