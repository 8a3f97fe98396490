// Puts a plan's files into the home. With atomic_file the only code that touches one; runs under the user's identity.
#pragma once

#include <functional>
#include <vector>

#include "daemon/agents/plan.hpp"
#include "daemon/agents/session.hpp"
#include "daemon/write/atomic_file.hpp"
#include "protocol/errors.hpp"

namespace capsule {

enum class ApplyMode {
    write,
    preview,  ///< says what write would do
};

/// A file that cannot be written, or to which nothing can be added, fails config.write. For a session it is a warning,
/// since its pins outrank the files. What of its start names that file goes (Applied::amend).
enum class ApplyFor { session, config_write };

struct Applied {
    struct File {
        std::string path;
        FileChange change = FileChange::unchanged;
        mode_t mode = 0;
        std::optional<std::string> content;  ///< what is ours, masked; of a preview alone, which explain shows
    };
    std::vector<File> files;
    std::vector<Warning> warnings;
    std::vector<std::function<void(Plan&)>> amend;  ///< what a session's start must do without
};

Result<Applied> apply(const std::vector<FileIntent>& files, ApplyMode mode, ApplyFor purpose);

}  // namespace capsule
