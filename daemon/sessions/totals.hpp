// What all sessions did since the daemon's start, added up by agent and provider: for monitoring, where a count never
// goes back because a session is forgotten.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "daemon/broker/control.hpp"
#include "daemon/sessions/session.hpp"
#include "protocol/metrics_messages.hpp"

namespace capsule {

class Totals {
  public:
    void started(const SessionRecord& session);
    void add(const SessionRecord& session, const broker::Traffic& traffic);
    void add(const broker::Strangers& strangers);

    /// Without what is there now: live sessions and streams.
    const std::vector<CellMetrics>& cells() const noexcept { return cells_; }
    /// By code.
    const std::map<std::string, std::uint64_t>& strangers() const noexcept { return strangers_; }

  private:
    std::vector<CellMetrics> cells_;
    std::map<std::string, std::uint64_t> strangers_;
};

/// The one in which a session counts; it is added where there is none yet.
CellMetrics& cell_of(std::vector<CellMetrics>& cells, const SessionRecord& session);

}  // namespace capsule
