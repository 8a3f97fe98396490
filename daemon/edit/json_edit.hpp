// Edits of a JSON text that keep every byte they do not have to change: numbers, order, indentation, line endings.
// Boost.JSON says whether a text is JSON; after that a member's place is found by its brackets and quotes alone.
#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/edit/examine_json.hpp"

namespace capsule {

/// One member of an object or element of an array, as offsets into the text.
struct JsonItem {
    std::string name;       ///< of a member, unescaped
    std::size_t begin = 0;  ///< of the name's quote, or of the element
    std::size_t value = 0;
    std::size_t end = 0;
};

struct JsonContainer {
    std::size_t open = 0;   ///< of the bracket
    std::size_t close = 0;  ///< of the closing one
    std::vector<JsonItem> items;

    const JsonItem* find(std::string_view name) const;
    /// A member whose name another one before it has: which of them counts differs between readers.
    const JsonItem* duplicate() const;
};

// The functions below take a text that examine_json called json.

/// Where the value that the text consists of begins.
std::size_t json_root(std::string_view text);

/// The object or array that begins at `open`.
JsonContainer read_container(std::string_view text, std::size_t open);

/// Each of these changes the text, so that containers read before are out of date.
/// A member that is there gets the value in its place, another goes to the end, in the style of those around it.
void set_member(std::string& text, const JsonContainer& object, std::string_view name, const boost::json::value& value);
void append_element(std::string& text, const JsonContainer& array, const boost::json::value& value);
void remove_item(std::string& text, const JsonContainer& container, const JsonItem& item);
/// In one pass, however many they are.
void remove_items(std::string& text, const JsonContainer& container,
                  const std::function<bool(const JsonItem&)>& is_removed);

/// A first member for an object that its owner left empty. How it is spaced says later that the object was there
/// before: was_empty_object() sees that, and empty_again() gives back what stood between the brackets.
void fill_empty_object(std::string& text, const JsonContainer& object, std::string_view name,
                       const boost::json::value& value);
bool was_empty_object(std::string_view text, const JsonContainer& object);
void empty_again(std::string& text, const JsonContainer& object);

/// A whole new file: two spaces, a final newline.
std::string format_json(const boost::json::value& value);

}  // namespace capsule
