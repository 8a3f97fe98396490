// Whether a block of a provider's in opencode.json is one that capsuled writes with the catalog that it has. Nothing is
// noted down of what was written: a home outlives the daemon's state, and OpenCode refuses members that it does not
// know.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "daemon/agents/opencode/block.hpp"
#include "daemon/agents/opencode/cell.hpp"
#include "daemon/base/secret.hpp"
#include "daemon/catalog/catalog.hpp"

namespace capsule {

/// The entry of a model: its name, and what is known of it. Without a window OpenCode never makes its conversation
/// shorter; it knows none of these models by itself.
boost::json::object opencode_model_entry(const Provider& provider, const std::string& model);

/// As much of a block as says whose it is: as it is written now, and as it was before an operator's table changed the
/// built-in provider.
std::vector<OpencodeBlock> opencode_identities(const Provider& provider);

struct WrittenWith {
    const Provider& provider;
    std::string model;            ///< the configured one
    const Secret* key = nullptr;  ///< the provider's global key, if there is one
    OpencodeKeys keys = OpencodeKeys::env;
};

/// Of a block with our members, npm and base_url: whether its key and its model are ours, too. A key that
/// stands in the file is ours if it is the provider's; where keys are to stand there any is, being an earlier one.
bool is_our_own_block(const boost::json::object& block, const WrittenWith& written);

/// Of such a block under a name that is not the provider's, as after a change of its label: whether its key alone makes
/// it ours, being our variable or the provider's own. Where keys are to stand in the file another one does, too, so
/// that none stays behind; but only in a block that is in all else as we write it, its order included.
bool is_ours_by_key(const boost::json::object& block, const WrittenWith& written);

}  // namespace capsule
