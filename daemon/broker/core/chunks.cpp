#include "daemon/broker/core/chunks.hpp"

#include "daemon/broker/core/hex.hpp"

namespace capsule::broker {
namespace {

/// Beyond 2^60 a size is nothing that anybody sends.
constexpr int most_digits = 15;

}  // namespace

void ChunkScanner::framing(char c) noexcept {
    const auto expect = [&](char wanted, Part next) { part_ = c == wanted ? next : Part::bad; };
    switch (part_) {
        case Part::size:
            if (const int digit = hex_digit(c); digit >= 0 && digits_ < most_digits) {
                left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
                ++digits_;
            } else {
                part_ = c == '\r' && digits_ > 0 ? Part::size_lf : Part::bad;
            }
            return;
        case Part::size_lf:
            expect('\n', left_ == 0 ? Part::end_cr : Part::data);
            digits_ = 0;
            return;
        case Part::data_cr:
            return expect('\r', Part::data_lf);
        case Part::data_lf:
            return expect('\n', Part::size);
        case Part::end_cr:
            return expect('\r', Part::end_lf);
        case Part::end_lf:
            return expect('\n', Part::done);
        case Part::data:
        case Part::done:
        case Part::bad:
            return;
    }
}

}  // namespace capsule::broker
