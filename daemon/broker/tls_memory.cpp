#include "daemon/broker/tls_memory.hpp"

#include <malloc.h>
#include <openssl/crypto.h>
#include <string.h>

#include <array>
#include <cstddef>
#include <cstdlib>

namespace capsule::broker {
namespace {

constexpr std::size_t least = 16 * 1024;  ///< of what is a buffer
constexpr std::size_t most = 17 * 1024;   ///< with OpenSSL's own bytes; each has so many

/// Of the loop's thread alone: another one ends, and with it what it has at hand would be lost.
struct AtHand {
    std::array<void*, 4> buffers;
    std::size_t count = 0;
    std::size_t most = 0;
};
thread_local AtHand at_hand;

void* allocate(std::size_t size, const char*, int) {
    if (size < least || size > most) return size == 0 ? nullptr : std::malloc(size);
    return at_hand.count > 0 ? at_hand.buffers[--at_hand.count] : std::malloc(most);
}

void release(void* memory, const char*, int) {
    if (memory == nullptr) return;
    // libc may have given some bytes more than were asked for.
    const std::size_t size = ::malloc_usable_size(memory);
    if (size >= most && size < most + 64 && at_hand.count < at_hand.most) {
        at_hand.buffers[at_hand.count++] = memory;
        return;
    }
    if (size >= least) ::explicit_bzero(memory, size);
    std::free(memory);
}

void* change(void* memory, std::size_t size, const char*, int) {
    if (size > 0) return std::realloc(memory, size);
    std::free(memory);
    return nullptr;
}

}  // namespace

void keep_tls_buffers_at_hand() {
    at_hand.most = at_hand.buffers.size();
    // False when OpenSSL has memory already: then it goes on with libc's.
    ::CRYPTO_set_mem_functions(allocate, change, release);
}

void wipe_tls_buffers_at_hand() noexcept {
    for (std::size_t i = 0; i < at_hand.count; ++i)
        ::explicit_bzero(at_hand.buffers[i], most);
}

}  // namespace capsule::broker
