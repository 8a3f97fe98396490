#include "daemon/edit/json_edit.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <set>

namespace capsule {
namespace json = boost::json;
namespace {

constexpr std::string_view white = " \t\r\n";

std::size_t skip_white(std::string_view text, std::size_t at) {
    return std::min(text.find_first_not_of(white, at), text.size());
}

std::size_t skip_string(std::string_view text, std::size_t at) {
    for (++at; text[at] != '"'; ++at)
        if (text[at] == '\\') ++at;
    return at + 1;
}

std::size_t skip_value(std::string_view text, std::size_t at) {
    if (text[at] == '"') return skip_string(text, at);
    if (text[at] != '{' && text[at] != '[') return std::min(text.find_first_of(" \t\r\n,]}", at), text.size());
    for (int depth = 0;;) {
        const char c = text[at];
        if (c == '"') {
            at = skip_string(text, at);
            continue;
        }
        if (c == '{' || c == '[') ++depth;
        if (c == '}' || c == ']') --depth;
        ++at;
        if (depth == 0) return at;
    }
}

std::string unescape(std::string_view literal) {
    const json::value value = json::parse(json::string_view(literal.data(), literal.size()));
    return {value.as_string().data(), value.as_string().size()};
}

// How a new item is laid out.
struct Style {
    bool lines = true;  // each item on a line of its own
    std::string newline = "\n";
    std::string indent;  // of the items
    std::string unit = "  ";
    std::string space = " ";  // after colon and comma, when not on lines
};

void write(std::string& out, const json::value& value, const Style& style, const std::string& indent);

template <class Items, class Each>
void write_items(std::string& out, const Items& items, char open, char close, const Style& style,
                 const std::string& indent, Each each) {
    out += open;
    const std::string inner = indent + style.unit;
    bool first = true;
    for (const auto& item : items) {
        if (!first) out += ',';
        out += style.lines ? style.newline + inner : first ? "" : style.space;
        each(item, inner);
        first = false;
    }
    if (style.lines && !first) out += style.newline + indent;
    out += close;
}

void write_name(std::string& out, std::string_view name, const Style& style) {
    out += json::serialize(json::string_view(name.data(), name.size()));
    out += ':';
    out += style.lines ? " " : style.space;
}

void write(std::string& out, const json::value& value, const Style& style, const std::string& indent) {
    if (const json::object* object = value.if_object()) {
        write_items(out, *object, '{', '}', style, indent, [&](const auto& member, const std::string& inner) {
            write_name(out, {member.key().data(), member.key().size()}, style);
            write(out, member.value(), style, inner);
        });
    } else if (const json::array* array = value.if_array()) {
        write_items(out, *array, '[', ']', style, indent,
                    [&](const auto& element, const std::string& inner) { write(out, element, style, inner); });
    } else {
        out += json::serialize(value);
    }
}

// The white space before `at`, when nothing else is between it and the start of its line.
std::string_view indentation(std::string_view text, std::size_t at, bool& own_line) {
    const std::size_t start = text.find_last_not_of(" \t", at == 0 ? 0 : at - 1);
    own_line = at > 0 && start != std::string_view::npos && text[start] == '\n';
    return own_line ? text.substr(start + 1, at - start - 1) : std::string_view();
}

std::string_view line_indentation(std::string_view text, std::size_t at) {
    const std::size_t line = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
    const std::size_t start = line == std::string_view::npos ? json_root(text) : line + 1;
    return text.substr(start, skip_white(text, start) - start);
}

Style style_of(std::string_view text) {
    Style style;
    const std::size_t newline = text.find('\n');
    if (newline != std::string_view::npos && newline > 0 && text[newline - 1] == '\r') style.newline = "\r\n";
    const std::size_t root = json_root(text);
    const std::size_t first = skip_white(text, root + 1);
    bool own_line = false;
    const std::string_view unit = indentation(text, first, own_line);
    if (own_line && !unit.empty() && text[first] != '}' && text[first] != ']') style.unit = unit;
    return style;
}

Style style_in(std::string_view text, const JsonContainer& container) {
    Style style = style_of(text);
    if (container.items.empty()) {
        // In a file that is one line, one line; a new or broken up one gets lines.
        const std::size_t root = json_root(text);
        style.lines = container.open == root || text.find('\n', root) < container.open;
        style.indent = std::string(line_indentation(text, container.open)) + style.unit;
        if (!style.lines && text.find(": ") == std::string_view::npos) style.space.clear();
        return style;
    }
    const JsonItem& last = container.items.back();
    style.indent = indentation(text, last.begin, style.lines);
    const bool spaced = last.begin == last.value ? text[last.begin - 1] == ' ' : text[last.value - 1] == ' ';
    if (!style.lines && !spaced) style.space.clear();
    return style;
}

void append(std::string& text, const JsonContainer& container, const std::string& item, const Style& style) {
    if (container.items.empty()) {
        const std::string outer = style.indent.substr(0, style.indent.size() - style.unit.size());
        const std::string inside = style.lines ? style.newline + style.indent + item + style.newline + outer : item;
        text.replace(container.open + 1, container.close - container.open - 1, inside);
        return;
    }
    const std::string before = style.lines ? "," + style.newline + style.indent : "," + style.space;
    text.insert(container.items.back().end, before + item);
}

}  // namespace

const JsonItem* JsonContainer::find(std::string_view name) const {
    const auto found = std::ranges::find(items, name, &JsonItem::name);
    return found == items.end() ? nullptr : &*found;
}

const JsonItem* JsonContainer::duplicate() const {
    std::set<std::string_view> seen;
    for (const JsonItem& item : items)
        if (!seen.insert(item.name).second) return &item;
    return nullptr;
}

std::size_t json_root(std::string_view text) {
    return skip_white(text, begin_of_json(text));
}

JsonContainer read_container(std::string_view text, std::size_t open) {
    JsonContainer out;
    out.open = open;
    const bool object = text[open] == '{';
    for (std::size_t at = skip_white(text, open + 1);; at = skip_white(text, at + 1)) {
        if (text[at] == '}' || text[at] == ']') {
            out.close = at;
            return out;
        }
        JsonItem item;
        item.begin = item.value = at;
        if (object) {
            const std::size_t name_end = skip_string(text, at);
            item.name = unescape(text.substr(at, name_end - at));
            item.value = skip_white(text, skip_white(text, name_end) + 1);
        }
        item.end = skip_value(text, item.value);
        at = skip_white(text, item.end);
        out.items.push_back(std::move(item));
        if (text[at] != ',') --at;  // the closing bracket, seen by the next round
    }
}

void set_member(std::string& text, const JsonContainer& object, std::string_view name, const json::value& value) {
    Style style = style_in(text, object);
    std::string out;
    if (const JsonItem* member = object.find(name)) {
        style.indent = line_indentation(text, member->begin);
        write(out, value, style, style.indent);
        text.replace(member->value, member->end - member->value, out);
        return;
    }
    write_name(out, name, style);
    write(out, value, style, style.indent);
    append(text, object, out, style);
}

void append_element(std::string& text, const JsonContainer& array, const json::value& value) {
    const Style style = style_in(text, array);
    std::string out;
    write(out, value, style, style.indent);
    append(text, array, out, style);
}

void remove_items(std::string& text, const JsonContainer& container,
                  const std::function<bool(const JsonItem&)>& is_removed) {
    std::string kept;
    std::size_t before = 0;  ///< where what is in front of the item begins
    for (const JsonItem& item : container.items) {
        if (!is_removed(item))
            kept.append(text, kept.empty() ? item.begin : before, item.end - (kept.empty() ? item.begin : before));
        before = item.end;
    }
    const std::size_t from = kept.empty() ? container.open + 1 : container.items.front().begin;
    text.replace(from, (kept.empty() ? container.close : before) - from, kept);
}

void remove_item(std::string& text, const JsonContainer& container, const JsonItem& item) {
    remove_items(text, container, [&](const JsonItem& each) { return &each == &item; });
}

// No style has its first member right behind the opening bracket and a space before the closing one.
void fill_empty_object(std::string& text, const JsonContainer& object, std::string_view name,
                       const json::value& value) {
    Style style = style_in(text, object);
    style.indent = line_indentation(text, object.open);
    std::string out;
    write_name(out, name, style);
    write(out, value, style, style.indent);
    text.insert(object.open + 1, out + " ");
}

bool was_empty_object(std::string_view text, const JsonContainer& object) {
    return object.items.size() == 1 && object.items[0].begin == object.open + 1 && text[object.items[0].end] == ' ';
}

void empty_again(std::string& text, const JsonContainer& object) {
    text.erase(object.open + 1, object.items[0].end + 1 - (object.open + 1));
}

std::string format_json(const json::value& value) {
    std::string out;
    write(out, value, Style{}, "");
    return out + "\n";
}

}  // namespace capsule
