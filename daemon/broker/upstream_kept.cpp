// The connections to a provider that are kept for its next request.
#include "daemon/broker/scratch.hpp"
#include "daemon/broker/tls_memory.hpp"
#include "daemon/broker/upstream.hpp"

namespace capsule::broker {

Upstream::~Upstream() {
    all_kept_->close_all(kept_);
    wipe_tls_buffers_at_hand();
    wipe_scratch();
}

bool Upstream::is_for(const BaseUrl& base, const Secret& key) const {
    return base.tls == base_.tls && base.authority == base_.authority && key_.key.same_as(key);
}

std::shared_ptr<Stream> Upstream::take() {
    return all_kept_->take(kept_);
}

void Upstream::keep(std::shared_ptr<Stream> stream, Owner owner, Clock::time_point now) {
    all_kept_->keep(kept_, std::move(stream), owner, now);
}

}  // namespace capsule::broker
