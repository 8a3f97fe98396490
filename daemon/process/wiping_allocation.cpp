// Every allocation of the daemon is zeroed when it is freed: requests, answers, file buffers and configuration hold
// keys in types that know nothing of secrets (std::string, Boost.JSON values, Asio's coroutine frames).
#include <malloc.h>
#include <string.h>

#include <cstddef>
#include <cstdlib>
#include <new>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

void* allocate(std::size_t size) {
    for (;;) {
        if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
        if (const std::new_handler handler = std::get_new_handler())
            handler();
        else
            throw std::bad_alloc();
    }
}

void* allocate(std::size_t size, std::align_val_t alignment) {
    const auto align = static_cast<std::size_t>(alignment);
    if (void* memory = std::aligned_alloc(align, (size + align - 1) / align * align)) return memory;
    throw std::bad_alloc();
}

/// `size`: what was asked for, behind which nobody has written.
void wipe_and_free(void* memory, std::size_t size) noexcept {
    if (memory == nullptr) return;
    explicit_bzero(memory, size);
    std::free(memory);
}

void wipe_and_free(void* memory) noexcept {
    wipe_and_free(memory, malloc_usable_size(memory));
}

}  // namespace

void* operator new(std::size_t size) {
    return allocate(size);
}
void* operator new[](std::size_t size) {
    return allocate(size);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    return allocate(size, alignment);
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
    return allocate(size, alignment);
}
void operator delete(void* memory) noexcept {
    wipe_and_free(memory);
}
void operator delete[](void* memory) noexcept {
    wipe_and_free(memory);
}
void operator delete(void* memory, std::size_t size) noexcept {
    wipe_and_free(memory, size);
}
void operator delete[](void* memory, std::size_t size) noexcept {
    wipe_and_free(memory, size);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    wipe_and_free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
    wipe_and_free(memory);
}
void operator delete(void* memory, std::size_t size, std::align_val_t) noexcept {
    wipe_and_free(memory, size);
}
void operator delete[](void* memory, std::size_t size, std::align_val_t) noexcept {
    wipe_and_free(memory, size);
}

#endif
