// What is left in memory when it is freed. A program that links this has another operator delete, which looks.
#pragma once

#include <cstddef>
#include <string_view>

namespace capsule::test {

/// How many blocks have been freed with `text` in them, since it was last asked to look for one. Not for threads.
std::size_t freed_with_it();

/// `text` must outlive the looking. Empty: looks no more.
void look_in_freed_memory_for(std::string_view text);

}  // namespace capsule::test
