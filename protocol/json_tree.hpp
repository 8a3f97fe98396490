// JSON text of strangers to a tree. Everything that another user, a repository, an agent or a provider may have written
// is parsed here: Boost.JSON's own parser takes any number of members, and names that collide in its hash table make it
// take seconds.
#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/errors.hpp"

namespace capsule {

/// Of one object; nobody's settings or requests have as many. With names that collide, a request of 256 KiB takes 20 to
/// 33 ms instead of 2, and a file of 512 KiB 50 ms. Without this bound they took 340 ms and 5 s.
inline constexpr std::size_t max_members = 1000;

/// The text with a blank for each byte of its comments, which OpenCode's parser (jsonc-parser) sees where this does:
/// one from "//" ends at a carriage return or a line feed, one from "/*" at the first "*/" behind that. What has no end
/// stays, and is no JSON.
std::string without_comments(std::string_view text);

struct JsonRules {
    bool comments = false;  ///< those of without_comments() and trailing commas are taken, too
    std::size_t max_depth = 32;
    bool (*is_too_late)() noexcept = nullptr;  ///< asked at each object
};

/// Of two members of one name the last counts. Fails with parse_error: the text is not JSON. Fails with
/// request_too_large where another program may read it: more than max_members, deeper than max_depth, or is_too_late().
Result<boost::json::value> parse_json(std::string_view text, const JsonRules& rules = {});

namespace detail {

/// What is known of one JSON text (a lone one, or a batch's member) beside its value.
struct Item {
    boost::json::value value;
    std::string id_number;                 ///< the text of its "id" member if that is a number, else empty
    std::optional<std::string> duplicate;  ///< the first member name that an object in it has twice
};

struct Tree {
    bool batch = false;       ///< the text is an array: its members are the items
    std::vector<Item> items;  ///< one if it is no array
};

/// Keeps what Boost.JSON's own parser would lose: duplicate members and the text of a request's id. Only json_rpc.cpp
/// needs it. Fails with parse_error, and reads no further: not JSON, not UTF-8, nested deeper than max_nesting, an
/// object of more than `most_members`, more than `most_values` in all. The values live in `storage`.
Result<Tree> parse_tree(std::string_view text, const boost::json::storage_ptr& storage, std::size_t most_members,
                        std::size_t most_values);

}  // namespace detail
}  // namespace capsule
