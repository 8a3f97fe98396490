// The socket pair to capsuled: reads messages and acts on them, writes what is to be told.
#pragma once

#include <memory>
#include <string>

#include "daemon/broker/broker.hpp"
#include "protocol/framing.hpp"

namespace capsule::broker {

class ControlChannel {
  public:
    ControlChannel(Loop& loop, int descriptor);

    /// Until capsuled says so or is gone. Throws Failure on a message that is none.
    Task<void> run(Broker& broker);

    /// Never waits: what capsuled does not read is kept, up to 16 MB; then the broker ends, as something is wrong
    /// there.
    void send(const FromBroker& message);

    /// capsuled has much to read yet: what can wait should.
    bool is_behind() const noexcept { return out_.size() >= much_unread; }

  private:
    static constexpr std::size_t much_unread = 256 * 1024;

    Task<void> write();
    Task<void> answer(Broker& broker, AskUsage question);
    bool act(Broker& broker, ToBroker message);
    void took(Taken taken);

    Loop& loop_;
    Descriptor socket_;
    LineReader lines_;
    std::string out_;
    bool writing_ = false;
    bool is_ready_ = false;
    std::vector<Taken> taken_before_;
};

}  // namespace capsule::broker
