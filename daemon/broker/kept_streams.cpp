#include "daemon/broker/kept_streams.hpp"

#include <algorithm>
#include <utility>

namespace capsule::broker {
namespace {

/// For each key: all of them may have been closed when the next one is asked for.
constexpr std::size_t most_of_one = 64;

}  // namespace

void KeptStreams::allow(std::size_t most) {
    most_ = most;
    while (all_.size() > most_)
        close_one();
}

void KeptStreams::keep(OfOne& of, std::shared_ptr<Stream> stream, Owner owner, Clock::time_point now) {
    if (of.size() == most_of_one) remove(of.front());
    of.push_back(all_.insert(all_.end(), {std::move(stream), now, owner, &of}));
    ++counts_[owner];
    while (all_.size() > most_)
        close_one();
}

std::shared_ptr<Stream> KeptStreams::take(OfOne& of) {
    while (!of.empty())
        if (auto stream = remove(of.back()); stream->is_still_good()) return stream;
    return nullptr;
}

bool KeptStreams::close_one() {
    if (all_.empty()) return false;
    const auto count = [](const auto& each) { return each.second; };
    const Owner whose = std::ranges::max_element(counts_, {}, count)->first;
    remove(std::ranges::find(all_, whose, &Kept::owner));
    return true;
}

bool KeptStreams::close_older_than(Clock::time_point then) {
    while (!all_.empty() && all_.front().since < then)
        remove(all_.begin());
    return !all_.empty();
}

void KeptStreams::close_all(OfOne& of) {
    while (!of.empty())
        remove(of.back());
}

std::shared_ptr<Stream> KeptStreams::remove(Handle kept) {
    auto stream = std::move(kept->stream);
    std::erase(*kept->of, kept);
    const auto its = counts_.find(kept->owner);
    if (--its->second == 0) counts_.erase(its);
    all_.erase(kept);
    return stream;
}

}  // namespace capsule::broker
