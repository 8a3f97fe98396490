// What a RemoteLink's coroutines share.
#pragma once

#include <spdlog/common.h>
#include <spdlog/fmt/fmt.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/sessions/remote_link.hpp"
#include "protocol/framing.hpp"

namespace capsule {

/// Outlives the link for as long as a coroutine still runs.
struct RemoteLink::Shared {
    struct Asked {
        Asked(const boost::asio::any_io_executor& executor, std::chrono::milliseconds limit) : timer(executor, limit) {}
        boost::asio::steady_timer timer;
        std::optional<Result<boost::json::value>> answer;
    };

    Shared(boost::asio::any_io_executor io, std::string to, std::function<void()> call)
        : executor(io), path(std::move(to)), connected(std::move(call)), socket(io), pause(io) {}

    boost::asio::any_io_executor executor;
    std::string path;
    std::function<void()> connected;
    boost::asio::local::stream_protocol::socket socket;
    boost::asio::steady_timer pause;
    std::map<std::string, std::shared_ptr<Asked>> waiting;  ///< by the request's id
    std::set<std::string> given_up;                         ///< ids of grants for which nobody waits any longer
    std::string out;
    Error problem{ErrorCode::io_error, "", ""};  ///< why it has not answered over a connection, as far as is known
    Error ending = problem;                      ///< why this side closed the connection
    std::string version;                         ///< of that capsuled
    std::size_t longest_request = max_line;      ///< that it takes; without its line end
    std::uint64_t connection = 0;
    std::uint64_t last_id = 0;
    bool ready = false;   ///< it has answered over this connection
    bool silent = false;  ///< it has not answered what was asked last
    bool told_silent = false;
    bool writing = false;
    std::optional<std::chrono::steady_clock::time_point> unanswered_since;  ///< none: nothing is asked for
    bool stopping = false;
    spdlog::level::level_enum warns = spdlog::level::warn;  ///< as what it tells of its connection
    spdlog::level::level_enum informs = spdlog::level::info;

    void has_answered(const std::string& id) {
        unanswered_since.reset();
        if (waiting.size() > waiting.count(id)) unanswered_since = std::chrono::steady_clock::now();
    }

    std::chrono::steady_clock::duration unanswered_for() const {
        if (!unanswered_since) return {};
        return std::chrono::steady_clock::now() - *unanswered_since;
    }

    void close() {
        boost::system::error_code ignored;
        socket.close(ignored);
    }

    void close(Error why) {
        ending = std::move(why);
        close();
    }

    Error unreachable(std::string_view what) const {
        if (problem.code == ErrorCode::config_conflict)
            return {problem.code, fmt::format("[broker] remote leads to {}: {}", path, problem.message), problem.hint};
        return {ErrorCode::io_error,
                fmt::format("the capsuled that has the keys {} at {}{}{}", what, path,
                            problem.message.empty() ? "" : ": ", problem.message),
                "see whether its container runs and shares that directory with this one ([broker] remote)"};
    }

    /// A short wait may say only that somebody else's request takes its time there.
    Error has_not_answered(std::string_view method) {
        if (socket.is_open() && unanswered_for() >= silent_from) silent = true;
        return unreachable(fmt::format("did not answer \"{}\"", method));
    }

    Error too_large(std::size_t bytes, std::string_view method) const {
        return {ErrorCode::request_too_large,
                fmt::format(
                    "the capsuled that has the keys ({}) takes requests of at most {} bytes, and this \"{}\" has {}",
                    path, longest_request, method, bytes),
                "raise [limits] request_bytes where that one runs, or name less"};
    }

    /// What it answered, in the words of this side.
    Error told(Error error) const {
        if (error.code == ErrorCode::method_not_found || error.code == ErrorCode::invalid_params)
            return {ErrorCode::config_conflict,
                    "the capsuled that has the keys (" + path + ", version " + version +
                        ") does not take what this one asks: " + error.message,
                    "run the same version of capsuled on both sides"};
        error.message = "the capsuled that has the keys (" + path + "): " + error.message;
        return error;
    }
};

}  // namespace capsule
