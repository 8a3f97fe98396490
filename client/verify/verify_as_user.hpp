// The part of a verification that the session's user does, and what it says of it.
#pragma once

#include <boost/describe/class.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/verify/verify_cell.hpp"
#include "protocol/errors.hpp"
#include "protocol/spawn_messages.hpp"

namespace capsule {

struct Subject {
    ExplainResult plan;
    std::string version;
};
BOOST_DESCRIBE_STRUCT(Subject, (), (plan, version))

/// Why there are no more verdicts.
struct VerifyFailure {
    bool denied = false;
    std::string message;
    std::string hint;
};
BOOST_DESCRIBE_STRUCT(VerifyFailure, (), (denied, message, hint))

/// One of them is set.
struct VerifyMessage {
    std::optional<bool> offline{};  ///< whether this kernel could cut the agents off from the network
    std::optional<bool> copied{};   ///< the configuration for the next verdict has been copied
    std::optional<CellVerdict> verdict{};
    std::optional<VerifyFailure> failure{};
};
BOOST_DESCRIBE_STRUCT(VerifyMessage, (), (offline, copied, verdict, failure))

/// A line without its end, and back. None where it is something else.
std::string to_line(const VerifyMessage& message);
std::optional<VerifyMessage> from_line(std::string_view line);

/// This process becomes the user of the first of `subjects`, for good, and tries each.
void verify_as_user(const std::vector<Subject>& subjects, const std::function<void(const VerifyMessage&)>& tell);

}  // namespace capsule
