// Keys that stay in opencode.json, as they may be the user's own.
#pragma once

#include <cstddef>
#include <string>

#include "daemon/agents/opencode/opencode_json.hpp"

namespace capsule {

/// opencode.key: no key is to be in the home by default, and this one stays. `key`: whose it is.
Warning key_left_behind(const std::string& path, std::size_t line, const std::string& key);

/// Adds that warning for each of the providers' keys that is in the text: in what is the user's own (a block with more
/// in it, a comment) it stays.
void warn_of_keys(Merged& merged, const OpencodeJsonIntent& intent);

}  // namespace capsule
