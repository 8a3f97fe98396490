#include "daemon/broker/broker.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <new>

#include "daemon/broker/connection.hpp"

namespace capsule::broker {
namespace {

/// How late a time limit may be noticed. Without a connection nobody looks.
constexpr std::chrono::milliseconds look_every{250};
constexpr std::chrono::milliseconds report_after{250};
/// Anybody can be refused as often as he likes, and each report is a line of the log.
constexpr std::chrono::seconds tell_of_strangers_again{10};
/// Users and codes between two reports; further users are counted together. Of those who have asked for no session of
/// their own there are fewer: one person can have many uids (subuid(5)).
constexpr std::size_t most_strangers = 1024, most_of_no_session = 16;
/// When no descriptor or no memory is left for a connection.
constexpr std::chrono::milliseconds accept_again{100};
constexpr int accepts_in_a_turn = 16;
/// Memory is given back this often at most, as it takes milliseconds.
constexpr std::chrono::seconds give_back_again{1};
/// So many may come at the same time, however few places there are; of few descriptors a part.
std::uint32_t fewest_strangers() {
    constexpr rlim_t most = 64;
    rlimit files{};
    return ::getrlimit(RLIMIT_NOFILE, &files) == 0 ? static_cast<std::uint32_t>(std::min(most, files.rlim_cur / 4))
                                                   : most;
}
/// Of all unfinished heads of one user together: many hundreds of those that agents send.
constexpr std::size_t most_head_bytes = 4 * 1024 * 1024;
/// Of these, those that have shown no token. Reading a head costs as much as taking the connection, and who has just
/// connected waits for both.
constexpr std::size_t most_head_bytes_of_strangers = most_head_bytes / 4;

Failure bad_listener(std::string_view why) {
    return Failure({ErrorCode::io_error, "the listening socket: " + std::string(why),
                    "capsuled hands over a listening socket on 127.0.0.1; capsule-broker is not started by hand"});
}

sockaddr_in own_address(int listener) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    int listens = 0;
    socklen_t flag = sizeof listens;
    if (::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0 || address.sin_family != AF_INET)
        throw bad_listener("not an IPv4 socket");
    if (address.sin_addr.s_addr != htonl(INADDR_LOOPBACK)) throw bad_listener("not on 127.0.0.1");
    if (::getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &listens, &flag) != 0 || listens == 0)
        throw bad_listener("it does not listen");
    return address;
}

UniqueFd unblocked(int listener) {
    own_address(listener);
    const int flags = ::fcntl(listener, F_GETFL);
    if (flags < 0 || ::fcntl(listener, F_SETFL, flags | O_NONBLOCK) != 0) throw bad_listener("not a descriptor");
    return UniqueFd(listener);
}

}  // namespace

Broker::Broker(Loop& loop, int listener, std::optional<std::string> authorities, Capsuled capsuled)
    : loop_(loop),
      listener_(loop, unblocked(listener)),
      capsuled_(std::move(capsuled)),
      port_(ntohs(own_address(listener).sin_port)),
      address_("127.0.0.1:" + std::to_string(port_)),
      authorities_(std::move(authorities)),
      names_(std::make_shared<Names>(loop)),
      workers_(std::make_shared<Workers>(loop)),
      clock_(loop),
      reporter_(loop),
      stranger_reporter_(loop),
      fewest_strangers_(fewest_strangers()) {
    if (!listener_.is_open()) throw bad_listener("the kernel does not watch it");
    sessions_.due()->on_due([this] { report_soon(); });
}

Broker::~Broker() {
    sessions_.due()->on_due({});
}

void Broker::configure(Configure limits) {
    tls_ = std::make_unique<TlsContext>(std::exchange(authorities_, std::nullopt));
    limits_ = std::move(limits);
    // Beside an agent's and a provider's for each request, and strangers', they have room in a quarter of what may be
    // open, which is the most that `connections` is.
    sessions_.kept().allow(std::max<std::size_t>(limits_.connections / 2, 1));
    grants_until_ = started_ + std::chrono::milliseconds(limits_.grants_ms.value_or(0));
    workers_->start();  // not before the program is confined: so are they then
    loop_.spawn(accept());
}

Task<void> Broker::accept() {
    for (int taken = 0;; ++taken) {
        // So that those who are served have their turn while many come.
        if (taken % accepts_in_a_turn == accepts_in_a_turn - 1) co_await loop_.others_have_their_turn(0);
        sockaddr_in peer{};
        socklen_t size = sizeof peer;
        UniqueFd socket(
            ::accept4(listener_.native(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (socket) {
            try {
                welcome(std::move(socket), peer);
            } catch (const std::bad_alloc&) {  // it is closed, and those that come later are still to be served
            }
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            listener_.nothing_to_read();
            const bool open = co_await listener_.readable();
            if (!open) co_return;
        } else if (no_descriptor_is_left() && sessions_.kept().close_one()) {
            continue;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            Signal over(loop_);
            Timer pause(loop_);
            pause.start(accept_again, [&] { over.fire(); });
            co_await over.wait();
        }
    }
}

void Broker::welcome(UniqueFd socket, const sockaddr_in& peer) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_port = htons(port_);
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // Before a byte of it is read.
    const PeerUid::Answer whose = peers_.ask(peer, own, socket.get());
    if (whose.known == PeerUid::Known::refused) return count_stranger("capsule_peer_gone");
    // The agent must not take half an answer for a whole one. And after an orderly end ports would stay taken for as
    // long as the client likes: one user could have all ports that lead here, and keep the broker's own from the next
    // one.
    close_by_reset(socket.get());
    if (is_one_too_many(whose)) return count_stranger("capsule_too_many_connections", whose.uid);
    const auto connection = std::make_shared<Connection>(
        *this, std::move(socket), whose.known == PeerUid::Known::yes ? std::optional(whose.uid) : std::nullopt);
    watch_time();
    loop_.spawn(connection->run(connection));
    turn_out(places_->turn_out_stranger(std::max(limits_.connections / 4, fewest_strangers_)));
}

/// Of users without a session: nothing that they send can be of use. So no more is done about it, and nobody who waits
/// behind it waits for long.
bool Broker::is_one_too_many(const PeerUid::Answer& whose) const {
    return whose.known == PeerUid::Known::yes && places_->strangers_of(nobodys) >= fewest_strangers_ &&
           sessions_.payers_of(whose.uid).empty();
}

bool Broker::make_room(Places::Handle place, Share share) {
    Connection* turned_out = nullptr;
    const bool found = places_->work(place, share, limits_.connections, turned_out);
    turn_out(turned_out);
    return found;
}

void Broker::hold_head(Places::Handle place, std::size_t bytes) {
    if (places_->refuse_head(place, bytes, most_head_bytes_of_strangers)) return turn_out(place->whose);
    while (Connection* one = places_->hold_head(place, bytes, most_head_bytes))
        turn_out(one);
}

void Broker::turn_out(Connection* connection) {
    if (connection) connection->turn_out();
}

void Broker::revoke(const Revoke& revoke) {
    const auto session = sessions_.revoke(revoke, loop_.now());
    if (!session) return;
    places_->for_each([&](Connection& each) {
        if (each.serves(*session)) each.cut();
    });
}

void Broker::watch_time() {
    if (watching_) return;
    watching_ = true;
    look_at_the_time();
}

void Broker::look_at_the_time() {
    clock_.start(look_every, [this] {
        const auto now = loop_.now();
        places_->for_each([&](Connection& each) { each.look_at_the_time(now); });
        const bool kept = sessions_.kept().close_older_than(now - std::chrono::milliseconds(limits_.idle_ms));
        watching_ = kept || !places_->empty();
        if (memory_.is_due() && (!watching_ || now - gave_back_ >= give_back_again)) {
            memory_.give_back();
            gave_back_ = now;
        }
        if (watching_) look_at_the_time();
    });
}

void Broker::count_stranger(std::string_view code, Uid uid) {
    std::pair refused(std::string(code), uid);
    const std::size_t most = uid && sessions_.pays_for_itself(*uid) ? most_strangers : most_of_no_session;
    if (strangers_.size() >= most && !strangers_.contains(refused)) refused.second.reset();
    ++strangers_[std::move(refused)];
    if (std::exchange(telling_of_strangers_, true)) return;
    const auto now = Clock::now();
    const auto at = std::max(now + report_after, strangers_told_ + tell_of_strangers_again);
    stranger_reporter_.start(at - now, [this] {
        telling_of_strangers_ = false;
        strangers_told_ = Clock::now();
        for (const auto& [who, count] : std::exchange(strangers_, {}))
            capsuled_.tell(Strangers{who.first, count, who.second});
    });
}

void Broker::report_soon() {
    if (std::exchange(reporting_, true)) return;
    reporter_.start(report_after, [this] {
        reporting_ = false;
        report();
    });
}

void Broker::report() {
    while (!capsuled_.is_behind()) {
        auto traffic = sessions_.take_traffic();
        if (!traffic) return;
        capsuled_.tell(*std::move(traffic));
    }
    report_soon();  // what the sessions do meanwhile is added to what they have to tell
}

}  // namespace capsule::broker
