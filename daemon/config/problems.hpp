// What is wrong with a configuration: a section is read although another one is wrong, so that one look tells of both.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "protocol/errors.hpp"

namespace capsule {

class Problems {
  public:
    /// Whether `read` threw no Failure; what it threw is kept.
    template <class Read>
    bool attempt(Read&& read) {
        try {
            std::forward<Read>(read)();
            return true;
        } catch (const Failure& failure) {
            add(failure.error());
            return false;
        }
    }

    void add(Error error) { all_.push_back(std::move(error)); }
    /// Takes away those after the first `kept` that name one of `wrong`: what is said of it may follow from its own
    /// fault.
    void forget_about(const std::vector<std::string>& wrong, std::size_t kept) {
        const auto is_about = [&](const Error& error) {
            return std::ranges::any_of(
                wrong, [&](const std::string& name) { return error.message.find(name) != std::string::npos; });
        };
        all_.erase(std::remove_if(all_.begin() + static_cast<std::ptrdiff_t>(kept), all_.end(), is_about), all_.end());
    }

    const std::vector<Error>& all() const noexcept { return all_; }
    bool none() const noexcept { return all_.empty(); }

  private:
    std::vector<Error> all_;
};

}  // namespace capsule
