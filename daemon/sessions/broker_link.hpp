// Keeps capsule-broker running and talks to it (broker/control.hpp). Lives on the I/O thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/broker/control.hpp"
#include "daemon/sessions/broker_program.hpp"

namespace capsule {

class BrokerLink {
  public:
    struct Settings {
        broker::Configure configure;
        std::shared_ptr<const std::string> authorities{};  ///< certificates (PEM); null: the system's
        std::optional<BrokerIdentity> identity;
        std::optional<Error> cannot_start{};  ///< why there can be no broker

        bool operator==(const Settings& other) const;
    };
    struct Events {
        /// Before a broker is started: whatever takes time and grants() needs.
        std::function<boost::asio::awaitable<void>()> before_start;
        /// Every grant that lives, with its key: what a broker is told before it takes connections.
        std::function<std::vector<broker::Grant>()> grants;
        std::function<void(const broker::Traffic&)> traffic;
        std::function<void(const broker::Strangers&)> strangers;
        /// That broker tells nothing any more.
        std::function<void()> ended;
    };

    enum class State { off, starting, running, failed };

    BrokerLink(boost::asio::any_io_executor executor, Events events);
    ~BrokerLink();

    /// From now on there is a broker on this socket; it is started again whenever it ends. Once.
    void start(LoopbackSocket socket, Settings settings);

    /// A broker with these settings takes the place of the one that runs, if they differ.
    void change(Settings settings);

    /// Ends the broker for good.
    void stop();

    bool started() const noexcept { return running_ != nullptr; }
    State state() const noexcept;
    /// Why it does not run, as far as that is known.
    const std::string& problem() const noexcept;

    /// Nothing where no broker runs: a new one is told every grant anyway.
    void tell(const broker::ToBroker& message);

    /// Tells it, and waits until this broker, or the next one, has taken it. Fails with io.error after 5 s.
    boost::asio::awaitable<Result<void>> tell_and_wait(broker::ToBroker message);

    /// Waits for a broker that runs, and for its answer. Fails with io.error when there is none within some seconds,
    /// and where `is_wanted` says no right before it is asked.
    boost::asio::awaitable<Result<broker::UsageAnswer>> ask(broker::AskUsage question, std::function<bool()> is_wanted);

  private:
    struct Shared;
    static boost::asio::awaitable<void> keep_running(std::shared_ptr<Shared> shared);
    static boost::asio::awaitable<Error> run_once(std::shared_ptr<Shared> shared, std::string program);
    static boost::asio::awaitable<void> write(std::shared_ptr<Shared> shared);
    static void end_if_late(const std::shared_ptr<Shared>& shared);
    static void act(Shared& shared, broker::FromBroker message);

    boost::asio::any_io_executor executor_;
    Events events_;
    std::shared_ptr<Shared> running_;
};

}  // namespace capsule
