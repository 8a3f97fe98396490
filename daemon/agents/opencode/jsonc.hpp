// A file of OpenCode's with comments or trailing commas.
#pragma once

#include <string>

#include "daemon/agents/opencode/opencode_json.hpp"

namespace capsule {

/// Comments would be lost in an edit: the file stays as it is, and a warning says what to paste.
Merged leave_jsonc_alone(const std::string& existing, const OpencodeJsonIntent& intent);

}  // namespace capsule
