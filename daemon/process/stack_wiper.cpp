#include "daemon/process/stack_wiper.hpp"

#include <string.h>

#include <array>
#include <chrono>

namespace capsule {
namespace {

constexpr std::size_t deepest = 128 * 1024;
constexpr std::chrono::milliseconds moment{20};

}  // namespace

[[gnu::noinline]] void wipe_stack() noexcept {
    std::array<char, deepest> below;
    ::explicit_bzero(below.data(), below.size());
}

void StackWiper::soon() {
    if (pending_) return;
    pending_ = true;
    timer_.expires_after(moment);
    timer_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        pending_ = false;
        wipe_stack();
    });
}

}  // namespace capsule
