// A key: cannot be printed, formatted or compared by accident, and its memory is zeroed when it goes.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/masking.hpp"

namespace capsule {

class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string_view text);
    Secret(const Secret& other);
    Secret(Secret&& other) noexcept;
    Secret& operator=(Secret other) noexcept;
    ~Secret();

    /// The key itself. Each call is a place to look at in a review.
    std::string_view reveal() const noexcept { return {data_.get(), size_}; }
    bool empty() const noexcept { return size_ == 0; }

    /// Takes the same time whatever differs.
    bool same_as(const Secret& other) const noexcept;

    bool operator==(const Secret&) const = delete;

  private:
    std::unique_ptr<char[]> data_;
    std::size_t size_ = 0;
};

template <class Stream>
Stream& operator<<(Stream&, const Secret&) = delete;

/// What may be shown of a key: see protocol/masking.hpp.
std::string mask(const Secret& secret);

/// `text` with every occurrence of a secret replaced by its mask, and every beginning of one (16 bytes or more) by "…".
/// What overlaps is one: of secrets that begin alike, or are in one another, nothing is left.
/// For texts of other programs (op's own message), whole: in one that was cut a short beginning may be left.
std::string redact(std::string_view text, const std::vector<Secret>& secrets);

}  // namespace capsule
