// Answers that can be given again: to the very same request, by who may make it, as long as nothing has changed that
// they were made from.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "daemon/access/peer.hpp"
#include "daemon/handlers/lasting.hpp"
#include "daemon/handlers/services.hpp"
#include "daemon/handlers/status_counters.hpp"
#include "daemon/server/output.hpp"
#include "protocol/json_rpc.hpp"
#include "protocol/methods.hpp"

namespace capsule {

class AnswerMemory {
  public:
    using Clock = std::chrono::steady_clock;

    /// Forgets at every change that services.changes notices: an answer holds keys.
    AnswerMemory(boost::asio::any_io_executor executor, Services& services);
    AnswerMemory(const AnswerMemory&) = delete;
    AnswerMemory& operator=(const AnswerMemory&) = delete;
    ~AnswerMemory();

    /// Appends the answer to `line`, and a line end, to `out`; counts and logs it as if it had been worked out. False:
    /// it has to be. Authorizes as the dispatcher does. `received` is since when it is being answered, for the log.
    bool answer(std::string_view line, const Peer& peer, Clock::time_point received, Output& out);

    /// `result` is the JSON text that the request in `line`, which has that id, was answered with.
    void remember(std::string_view line, const RequestId& id, const MethodInfo& method, std::string result,
                  Lasting lasting);

    void forget();

    /// Sees to it that what was made from something that has changed is forgotten though nobody asks: answers hold
    /// keys. For as long as the daemon runs. While nothing is remembered it sleeps.
    boost::asio::awaitable<void> forget_in_time();

  private:
    struct Entry {
        Tier tier;
        std::shared_ptr<const std::string> result;  ///< to the end of the line
        std::string log_fields;                     ///< empty: not logged
        std::optional<StatusCounters> counters;     ///< then this is the result
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };

    Services& services_;
    std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_;
    std::string key_;                  ///< of the line that is looked up: made in place
    boost::asio::steady_timer first_;  ///< cancelled when there is something to forget again
    std::uint64_t revision_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace capsule
