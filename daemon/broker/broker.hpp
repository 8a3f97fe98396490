// What connections share, all of it on one thread.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "daemon/broker/core/places.hpp"
#include "daemon/broker/names.hpp"
#include "daemon/broker/peer_uid.hpp"
#include "daemon/broker/sessions.hpp"
#include "daemon/broker/tls.hpp"
#include "daemon/process/memory_after.hpp"

namespace capsule::broker {

class Connection;

/// The other end of the control channel.
struct Capsuled {
    std::function<void(const FromBroker&)> tell;
    std::function<bool()> is_behind;  ///< it has much to read yet
};

class Broker {
  public:
    /// `listener`: a listening socket on 127.0.0.1, held by capsuled, too. `authorities` (PEM) are in place of the
    /// system's trust store. Throws Failure when the socket is none.
    Broker(Loop& loop, int listener, std::optional<std::string> authorities, Capsuled capsuled);
    ~Broker();

    /// Takes connections from now on. Throws Failure as TlsContext does.
    void configure(Configure limits);
    void revoke(const Revoke& revoke);

    Sessions& sessions() noexcept { return sessions_; }
    const Configure& limits() const noexcept { return limits_; }
    /// Whether a token that is not known may be granted in a moment: any after the start, else one that was known.
    bool may_be_granted(std::string_view token) const {
        return loop_.now() < grants_until_ || sessions_.may_come_again(token, loop_.now());
    }
    const std::string& address() const noexcept { return address_; }
    WayOut way_out(Owner owner = 0) {
        return {loop_, limits_, *tls_, peers_, *names_, *workers_, sessions_.kept(), owner};
    }
    Loop& loop() noexcept { return loop_; }

    /// `uid`: whose connection it is, where that is known. capsuled is told at most once in ten seconds.
    void count_stranger(std::string_view code, Uid uid = std::nullopt);
    /// Of all that are open. They outlive the broker when the program ends: each strikes itself out.
    const std::shared_ptr<Places>& places() const noexcept { return places_; }
    /// For a request of a connection that has shown its token; false: there are too many.
    bool make_room(Places::Handle place, Share share);
    /// The memory of an unfinished head. It may cost this connection its place, or another one of its user.
    void hold_head(Places::Handle place, std::size_t bytes);
    /// Connections to providers are kept: they are to be closed when nobody comes for them.
    void watch_time();
    /// Of an agent whose uid is known.
    bool has_gone(const Stream& client) { return peers_.has_gone(client.native()); }
    void one_has_gone() noexcept { memory_.one_has_gone(); }

  private:
    Task<void> accept();
    void welcome(UniqueFd socket, const sockaddr_in& peer);
    bool is_one_too_many(const PeerUid::Answer& whose) const;
    void turn_out(Connection* connection);
    void look_at_the_time();
    void report_soon();
    void report();

    Loop& loop_;
    Descriptor listener_;
    Capsuled capsuled_;
    const Clock::time_point started_ = Clock::now();
    Clock::time_point grants_until_;
    std::uint16_t port_ = 0;
    std::string address_;
    std::optional<std::string> authorities_;
    Configure limits_;
    std::unique_ptr<TlsContext> tls_;
    PeerUid peers_;
    std::shared_ptr<Names> names_;
    std::shared_ptr<Workers> workers_;
    Sessions sessions_;
    std::shared_ptr<Places> places_ = std::make_shared<Places>();
    std::map<std::pair<std::string, Uid>, std::uint64_t> strangers_;
    Clock::time_point strangers_told_;
    MemoryAfter memory_;
    Clock::time_point gave_back_;
    Timer clock_, reporter_, stranger_reporter_;
    bool watching_ = false, reporting_ = false, telling_of_strangers_ = false;
    const std::uint32_t fewest_strangers_;
};

}  // namespace capsule::broker
