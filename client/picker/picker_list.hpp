// What the picker shows and what its keys do to it. Pure: picker_screen puts it on a terminal.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "client/output.hpp"

namespace capsule {

struct PickerEntry {
    std::string id;           ///< what picking it gives
    std::vector<Cell> cells;  ///< the label first; all entries of a page have as many
};

/// What cannot be picked, and what to do about it.
struct PickerRefusal {
    std::string label;
    std::string reason;
    std::string cure;     ///< "": there is none
    std::string command;  ///< that ends the cure, and is never broken: "": none
};

struct PickerPage {
    std::string title;
    std::vector<PickerEntry> entries;
    std::vector<PickerRefusal> refusals;
    std::optional<std::string> preselected;  ///< an entry's id; else, and if there is no such entry, the first one
    bool has_page_before = false;            ///< the left arrow goes back to it
};

struct PickerLine {
    std::vector<Cell> cells;  ///< side by side; together no wider than the terminal
    bool selected = false;
};

class PickerList {
  public:
    explicit PickerList(PickerPage page);

    /// Types `text` into the filter: what stays has each of the filter's words in its id or its cells, in any case.
    void type(std::string_view text);
    /// Takes the filter's last character away.
    void erase();
    void clear();
    /// Down, or up if negative; stops at the ends.
    void move(long steps);

    const std::string& filter() const noexcept { return filter_; }
    bool has_page_before() const noexcept { return page_.has_page_before; }
    /// The selected entry's id; none when nothing matches.
    std::optional<std::string> selected() const;

    /// The page on a terminal of `height` × `width`, at most that many lines. The selected entry is always among them;
    /// where there is little room, all else gives way: first empty lines, refusals and help, then title and filter.
    std::vector<PickerLine> lines(std::size_t height, std::size_t width) const;
    /// How many entries a page of that height scrolls by.
    std::size_t page_size(std::size_t height) const;

  private:
    void apply_filter();
    /// Of each column. Where they have no room side by side, those between the first and the last one are cut, the
    /// last of them first.
    std::vector<std::size_t> widths_in(std::size_t width) const;
    std::vector<Cell> row(std::size_t at, const std::vector<std::size_t>& widths) const;
    /// What the filter leaves of the refusals, with their heading, in at most `room` lines.
    std::vector<std::string> refusals(std::size_t room, std::size_t width) const;

    PickerPage page_;
    std::vector<std::size_t> widths_;
    std::string filter_;
    std::vector<std::size_t> matching_;  ///< indices of entries
    std::size_t at_ = 0;                 ///< index into matching_
};

}  // namespace capsule
