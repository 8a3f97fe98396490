// One cell's trial, from its plan to what differs.
#pragma once

#include <string>
#include <vector>

#include "client/recorder/recorder.hpp"
#include "protocol/errors.hpp"
#include "protocol/spawn_messages.hpp"

namespace capsule {

struct CellVerdict {
    std::string agent;
    std::string provider;
    std::vector<std::string> problems;  ///< empty: the session is what the route says
    std::size_t requests = 0;
    double seconds = 0;
    bool interrupted = false;

    bool good() const noexcept { return problems.empty() && !interrupted; }
};

/// Runs the agent of `plan` against the stand-in, in a temporary home and a hostile project: one prompt with a tool
/// call, and one prompt for each of the tiers that the route pins.
CellVerdict verify_cell(const ExplainResult& plan, const Recorder& recorder);

}  // namespace capsule
