// Latencies in buckets that are at most 1/64 wide of their value: recording one is a few instructions.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace capsule::bench {

class Latencies {
  public:
    void record(std::uint64_t nanoseconds, std::uint64_t times = 1) {
        counts_[bucket(nanoseconds)] += times;
        total_ += times;
    }

    std::uint64_t total() const { return total_; }

    /// The latency in nanoseconds that `share` (0.5: the median) of all requests did not exceed; 0 without any.
    double percentile(double share) const {
        const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(total_));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            seen += counts_[i];
            if (seen > wanted) return middle(i);
        }
        return 0;
    }

  private:
    static constexpr unsigned bits = 6;  // 64 buckets to each power of two
    static constexpr std::uint64_t per_power = 1U << bits;

    static std::size_t bucket(std::uint64_t value) {
        if (value < per_power) return value;
        const auto shift = static_cast<unsigned>(std::bit_width(value)) - bits - 1;
        return (shift + 1) * per_power + (value >> shift) - per_power;
    }
    static double middle(std::size_t bucket) {
        if (bucket < per_power) return static_cast<double>(bucket);
        const std::size_t shift = bucket / per_power - 1;
        const std::uint64_t low = (bucket % per_power + per_power) << shift;
        return static_cast<double>(low) + static_cast<double>(std::uint64_t{1} << shift) / 2;
    }

    std::array<std::uint64_t, (64 - bits + 1) * per_power> counts_{};
    std::uint64_t total_ = 0;
};

}  // namespace capsule::bench
