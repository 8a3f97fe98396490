// A status result whose counters are filled in anew each time it is given.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/handlers/services.hpp"

namespace capsule {

/// The members of StatusResult that no two answers share.
class StatusCounters {
  public:
    /// `result` is a StatusResult as JSON text.
    explicit StatusCounters(std::string result);

    /// `out` gets the text in parts, with the counters as they are now.
    void write(const Services& services, const std::function<void(std::string_view)>& out) const;

  private:
    std::string result_;
    std::vector<std::size_t> begins_;  ///< of each counter's text in result_
    std::vector<std::size_t> ends_;
};

}  // namespace capsule
