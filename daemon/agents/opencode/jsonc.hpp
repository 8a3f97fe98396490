// A file of OpenCode's with comments or trailing commas.
#pragma once

#include <string>

#include "daemon/agents/opencode/opencode_json.hpp"

namespace capsule {

/// Comments would be lost in an edit: the file stays as it is, and a warning says what to paste. One thing is taken
/// out: a key that capsuled wrote, where a reference to it is to stand. Another one in such a place is a warning.
Merged merge_jsonc(const std::string& existing, const OpencodeJsonIntent& intent);

}  // namespace capsule
