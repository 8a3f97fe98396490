// One cell's trial, from its plan to what differs.
#pragma once

#include <boost/describe/class.hpp>
#include <functional>
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
BOOST_DESCRIBE_STRUCT(CellVerdict, (), (agent, provider, problems, requests, seconds, interrupted))

/// Runs the agent of `plan` against the stand-in, in a temporary home and a hostile project: one prompt with a tool
/// call, and one prompt for each of the tiers that the route pins. `copied` is called when nothing more is read of the
/// real home.
CellVerdict verify_cell(
    const ExplainResult& plan, const Recorder& recorder, const std::function<void()>& copied = [] {});

}  // namespace capsule
