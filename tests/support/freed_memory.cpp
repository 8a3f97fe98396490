#include "tests/support/freed_memory.hpp"

#include <malloc.h>

#include <cstdlib>
#include <new>

namespace {

std::string_view wanted;
std::size_t found = 0;

void look_and_free(void* memory) noexcept {
    if (memory == nullptr) return;
    const std::string_view bytes(static_cast<const char*>(memory), ::malloc_usable_size(memory));
    if (!wanted.empty() && bytes.find(wanted) != bytes.npos) ++found;
    std::free(memory);
}

}  // namespace

// Sanitizers' own operators belong together, so new is replaced as well.
void* operator new(std::size_t size) {
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}
void* operator new[](std::size_t size) {
    return operator new(size);
}
void operator delete(void* memory) noexcept {
    look_and_free(memory);
}
void operator delete[](void* memory) noexcept {
    look_and_free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    look_and_free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    look_and_free(memory);
}

namespace capsule::test {

std::size_t freed_with_it() {
    return found;
}

void look_in_freed_memory_for(std::string_view text) {
    wanted = text;
    found = 0;
}

}  // namespace capsule::test
