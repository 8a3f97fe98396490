// JSON text to a tree, keeping what Boost.JSON's own parser would lose: duplicate members and the text of a request's
// id. Only json_rpc.cpp needs it.
#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/errors.hpp"

namespace capsule::detail {

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

/// Fails with parse_error: not JSON, not UTF-8, nested deeper than max_nesting. The values live in `storage`.
Result<Tree> parse_tree(std::string_view text, const boost::json::storage_ptr& storage);

}  // namespace capsule::detail
