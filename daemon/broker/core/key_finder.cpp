#include "daemon/broker/core/key_finder.hpp"

#include <algorithm>
#include <bit>

namespace capsule::broker {
namespace {

constexpr std::uint8_t most_line_ends = 2;  ///< characters: "\r\n"
constexpr std::uint8_t most_indentation = 32;

}  // namespace

KeyFinder::KeyFinder(const KeyForms& forms, std::size_t most) : forms_(forms) {
    std::size_t longest = 0;
    for (const KeyForm& form : forms.all)
        longest = std::max(longest, form.text.reveal().size());
    for (Level& level : levels_)
        level.begins.resize(std::bit_ceil(std::min(longest, most) + 1));
}

void KeyFinder::look(Level& level, const Character& next, std::optional<Span>& out) const {
    // Most of a text.
    if (level.idle && !forms_.first[static_cast<unsigned char>(next.c)]) return;
    // Base64 is written in lines, which may be indented. More ends than one in a row end it: what could be a begin is
    // not held back for ever.
    const bool indents = level.line_ends > 0 && (next.c == ' ' || next.c == '\t');
    if (indents || next.c == '\r' || next.c == '\n') {
        const bool ends_it = indents ? ++level.indentation > most_indentation : ++level.line_ends > most_line_ends;
        for (std::size_t i = 0; i < forms_.all.size(); ++i)
            if (ends_it || !forms_.all[i].is_base64) level.found[i] = 0;
        return;
    }
    level.line_ends = level.indentation = 0;
    level.begins[level.count++ & (level.begins.size() - 1)] = next.begin;
    level.idle = true;
    for (std::size_t i = 0; i < forms_.all.size(); ++i) {
        const KeyForm& form = forms_.all[i];
        const std::string_view text = form.text.reveal();
        const char c = form.is_base64 ? standard_base64(next.c) : next.c;
        std::size_t found = level.found[i];
        while (found > 0 && c != text[found])
            found = form.begun[found];
        if (c == text[found] && ++found == text.size()) {
            const std::uint64_t begin = level.begin_of(found);
            out = Span{out ? std::min(out->begin, begin) : begin, next.end};
            found = form.begun[found];
        }
        level.found[i] = found;
        level.idle = level.idle && found == 0;
    }
}

std::optional<KeyFinder::Span> KeyFinder::feed(char c) {
    std::optional<Span> out;
    const Character next{c, size_, size_ + 1};
    ++size_;
    look(levels_[0], next, out);
    layers_[0].feed(next, [&](const Character& once) {
        look(levels_[1], once, out);
        layers_[1].feed(once, [&](const Character& twice) { look(levels_[2], twice, out); });
    });
    return out;
}

std::optional<KeyFinder::Span> KeyFinder::finish() {
    std::optional<Span> out;
    const auto last = [&](const Character& twice) { look(levels_[2], twice, out); };
    layers_[0].finish([&](const Character& once) {
        look(levels_[1], once, out);
        layers_[1].feed(once, last);
    });
    layers_[1].finish(last);
    return out;
}

std::uint64_t KeyFinder::begun_at(std::size_t characters) const {
    std::uint64_t out = size_;
    for (const EscapeLayer& layer : layers_)
        out = std::min(out, layer.waits_since().value_or(out));
    for (const Level& level : levels_)
        for (const std::size_t found : level.found)
            if (found >= characters) out = std::min(out, level.begin_of(found));
    return out;
}

}  // namespace capsule::broker
