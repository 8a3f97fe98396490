#include "daemon/base/time_limit.hpp"

namespace capsule {
namespace {

thread_local std::chrono::steady_clock::time_point limit = std::chrono::steady_clock::time_point::max();

}  // namespace

void set_time_limit(std::chrono::steady_clock::time_point end) noexcept {
    limit = end;
}

bool time_is_up() noexcept {
    return std::chrono::steady_clock::now() >= limit;
}

}  // namespace capsule
