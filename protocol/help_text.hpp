// --help at the width that there is. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace capsule {

/// A help page whose lines are broken at words so that none is wider than `width` (0: as it is), as far as words allow.
/// Descriptions stay in their column while it leaves them room; else each stands below what it describes.
std::string help_text(std::string_view page, std::size_t width);

}  // namespace capsule
