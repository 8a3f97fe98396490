// What keeps the broker's port from other users while neither daemon nor broker runs: sessions have its address and
// tokens for it in their environment, and would send their requests to whoever took it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "daemon/sessions/broker_program.hpp"
#include "daemon/sessions/process_life.hpp"

namespace capsule {

/// Lives on the I/O thread.
class PortHolder {
  public:
    explicit PortHolder(boost::asio::any_io_executor executor);
    ~PortHolder();
    PortHolder(const PortHolder&) = delete;
    PortHolder& operator=(const PortHolder&) = delete;

    /// Has the port from here on (0: the kernel's choice; gives which), and gives it to systemd to keep, where that has
    /// started the daemon. Before anybody listens there: fails with io.error where another user has the port, if only
    /// by a socket that does not listen yet.
    Result<std::uint16_t> take(std::uint16_t port, const std::optional<uid_t>& maker);

    /// Starts the process that has the port beside the daemon, and again when it has ended. Nothing where it runs, or
    /// no port was taken. `started` is told of each; the one of the daemon before is ended then.
    void start(std::optional<BrokerIdentity> identity, std::optional<ProcessIdentity> before,
               std::function<void(const ProcessIdentity&)> started);

    /// Nobody needs the port when the daemon ends.
    void finish();

  private:
    struct Shared;
    static boost::asio::awaitable<void> keep_running(std::shared_ptr<Shared> shared);

    boost::asio::any_io_executor executor_;
    UniqueFd held_;
    std::shared_ptr<Shared> running_;
};

}  // namespace capsule
