// The socket pair to capsuled: reads messages and acts on them, writes what is to be told.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <memory>
#include <string>

#include "daemon/broker/broker.hpp"
#include "protocol/framing.hpp"

namespace capsule::broker {

class ControlChannel {
  public:
    ControlChannel(asio::io_context& context, int descriptor);

    /// Until capsuled says so or is gone. Throws Failure on a message that is none.
    asio::awaitable<void> run(Broker& broker);

    /// Never waits: what capsuled does not read is kept, up to 16 MB; then the broker ends, as something is wrong
    /// there.
    void send(const FromBroker& message);

  private:
    asio::awaitable<void> write();
    asio::awaitable<void> answer(Broker& broker, AskUsage question);
    bool act(Broker& broker, ToBroker message);

    asio::io_context& context_;
    asio::local::stream_protocol::socket socket_;
    LineReader lines_;
    std::string out_;
    bool writing_ = false;
};

}  // namespace capsule::broker
