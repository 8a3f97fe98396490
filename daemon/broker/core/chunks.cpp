#include "daemon/broker/core/chunks.hpp"

#include <algorithm>
#include <array>
#include <charconv>

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

std::string ChunkFrames::of(std::string_view payload, bool last) {
    std::string out(payload.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, payload.size()))));
    payload.remove_prefix(out.size());
    if (left_ > 0 && (left_ -= out.size()) == 0) out += "\r\n";
    if (!payload.empty()) {
        std::array<char, most_digits + 1> digits{};
        char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), payload.size(), 16).ptr;
        out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
        out.append("\r\n").append(payload).append("\r\n");
    }
    return last ? out + "0\r\n\r\n" : out;
}

}  // namespace capsule::broker
