// Whether what a path leads to is in nobody's hands but root's and this process's own user's.
#pragma once

#include <optional>
#include <string>

namespace capsule {

/// What is wrong with a path, for people: "/home/agent/bin can be changed by user 1000".
struct UntrustedPath {
    std::string component;  ///< the first that somebody else can change
    std::string why;        ///< "belongs to user 1000", "can be written to by its group"
    std::string cure() const;
};

/// Follows `path` (absolute) one step after the other, links too, and looks at nothing beyond the first component that
/// another user can put something else in the place of: one that belongs to another user than root or this process's,
/// or that its group or everybody can write to. (In a directory with the sticky bit, as /tmp, only what belongs to
/// another user counts.) What is mounted read-only is nobody's to change. None: nobody can, as far as the path exists.
std::optional<UntrustedPath> untrusted_component(const std::string& path);

}  // namespace capsule
