// The connections to a provider that are kept for its next request.
#include <algorithm>

#include "daemon/broker/scratch.hpp"
#include "daemon/broker/tls_memory.hpp"
#include "daemon/broker/upstream.hpp"

namespace capsule::broker {
namespace {

/// For each key: all of them may have been closed when the next one is asked for.
constexpr std::size_t most_kept = 64;

}  // namespace

Upstream::~Upstream() {
    kept_.clear();
    wipe_tls_buffers_at_hand();
    wipe_scratch();
}

bool Upstream::is_for(const BaseUrl& base, const Secret& key) const {
    return base.tls == base_.tls && base.authority == base_.authority && key_.key.same_as(key);
}

std::shared_ptr<Stream> Upstream::take() {
    while (!kept_.empty()) {
        const auto stream = std::move(kept_.back().stream);
        kept_.pop_back();
        if (stream->is_still_good()) return stream;
    }
    return nullptr;
}

void Upstream::keep(std::shared_ptr<Stream> stream, Clock::time_point now) {
    if (kept_.size() == most_kept) kept_.erase(kept_.begin());
    kept_.push_back({std::move(stream), now});
}

bool Upstream::close_older_than(Clock::time_point then) {
    std::erase_if(kept_, [&](const Kept& each) { return each.since < then; });
    return !kept_.empty();
}

}  // namespace capsule::broker
