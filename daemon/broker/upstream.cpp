#include "daemon/broker/upstream.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "daemon/base/proxy_url.hpp"
#include "daemon/broker/core/hex.hpp"
#include "daemon/broker/core/http_head.hpp"
#include "daemon/broker/upstream_owner.hpp"

namespace capsule::broker {
namespace {

/// Only a server whose queue is full takes longer, and that may be another user's on purpose.
constexpr std::chrono::milliseconds loopback_answers_in{250};

/// Whether a connection has been taken: nothing tells of that.
constexpr std::chrono::milliseconds ask_again_within{50};

/// Bytes of a proxy's head.
constexpr std::size_t most_of_proxy = 16 * 1024;

/// What the time limit ends, whichever step it is in.
struct Attempt {
    Attempt(const WayOut& way, char begins_with)
        : loop(way.loop),
          owner(way.owner),
          kept(way.kept),
          first(begins_with),
          lookup(std::make_shared<Lookup>(loop, owner)),
          timer(loop) {}

    Loop& loop;
    Owner owner;
    KeptStreams& kept;
    char first;  ///< byte of the request, or of what the proxy is asked
    std::shared_ptr<Lookup> lookup;
    std::shared_ptr<Stream> stream;
    std::shared_ptr<Work> work;
    Timer timer;
    bool late = false;

    void give_up() {
        late = true;
        lookup->done.fire();
        if (stream) stream->close();
        if (work) work->done.fire();
    }
};

Refusal unreachable(const Attempt& attempt, const BaseUrl& base, std::string_view step, std::string_view why) {
    if (attempt.late)
        return {504, "capsule_upstream_timeout",
                std::string(step) + ": " + base.authority +
                    " did not answer in time; see whether this machine's network works",
                0};
    return {502, "capsule_upstream_unreachable",
            std::string(step) + ": " + base.authority + " cannot be reached: " + std::string(why), 0};
}

/// A URL has %40 for an '@' of a password.
std::string percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool escape = text[i] == '%' && i + 2 < text.size();
        const int high = escape ? hex_digit(text[i + 1]) : -1, low = escape ? hex_digit(text[i + 2]) : -1;
        if (high >= 0 && low >= 0) i += 2;
        out += high >= 0 && low >= 0 ? static_cast<char>(high * 16 + low) : text[i];
    }
    return out;
}

/// Nothing that is not encrypted goes through one: whoever has a proxy's port would get the key.
Result<std::optional<ProxyUrl>> proxy_for(const Configure& limits, const BaseUrl& base) {
    if (!limits.proxy || !base.tls || is_loopback_address(base.host) || base.host == "localhost" ||
        is_in_no_proxy(limits.no_proxy.value_or(""), base.host, base.port))
        return std::optional<ProxyUrl>();
    auto out = read_proxy_url(*limits.proxy);
    if (!out) return out.error();
    out->credentials = percent_decoded(out->credentials);
    return std::optional(*std::move(out));
}

std::string base64(std::string_view text) {
    std::string out((text.size() + 2) / 3 * 4 + 1, '\0');
    const int size =
        ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                          reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    out.resize(static_cast<std::size_t>(size));
    return out;
}

/// None: errno says why.
UniqueFd socket_for(const Address& place, KeptStreams& kept) {
    for (;;) {
        UniqueFd own(::socket(place.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
        if (own || !no_descriptor_is_left() || !kept.close_one()) return own;
    }
}

/// Gives 0, or what errno says.
Task<int> connect(Attempt& attempt, Address place) {
    UniqueFd own = socket_for(place, attempt.kept);
    if (!own) co_return errno;
    if (::connect(own.get(), &place.any, place.size) != 0 && errno != EINPROGRESS) co_return errno;
    attempt.stream = std::make_shared<Stream>(attempt.loop, std::move(own));
    attempt.stream->belongs_to(attempt.owner);
    attempt.stream->cannot_write_yet();
    const bool came = co_await attempt.stream->writable();
    int error = ECANCELED;
    socklen_t size = sizeof error;
    if (came && ::getsockopt(attempt.stream->native(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    co_return error;
}

/// Adds what has come to `to`. False: the other side has ended it, or it was closed.
Task<bool> receive_more(Stream& stream, std::string& to) {
    static std::array<char, 8 * 1024> room;  // of the loop's thread: what comes is copied before anything is waited for
    for (;;) {
        const Io io = stream.receive(room);
        if (io.is == Io::Is::done) {
            to.append(room.data(), io.bytes);
            co_return true;
        }
        if (!io.waits()) co_return false;
        const bool came = co_await stream.ready_for(io.is);
        if (!came) co_return false;
    }
}

/// Begins TLS on attempt.stream, of which `early` has been read already. Gives what went wrong; empty: nothing, or it
/// is too late.
Task<std::string> begin_tls(Attempt& attempt, WayOut way, const BaseUrl& base, std::string early) {
    const auto tls = way.tls.begin(base);
    if (!tls) co_return std::string("OpenSSL does not take its name");
    Stream& stream = *attempt.stream;
    tls->step();  // the first word is the client's, so no server says how long that takes
    tls->in = std::move(early);
    while (!attempt.late) {
        const bool sent = co_await write_all(stream, std::exchange(tls->out, {}));
        if (tls->is == TlsHandshake::Is::failed)
            co_return tls->why + "; an own authority belongs into [broker] ca_file";
        if (tls->is == TlsHandshake::Is::done) {
            const bool begun = sent && stream.begin_tls(tls->take(), std::move(tls->in));
            co_return begun ? std::string() : "it closed the connection";
        }
        const bool came = sent && (!tls->in.empty() || co_await receive_more(stream, tls->in));
        if (!came) co_return std::string("it closed the connection");
        attempt.work = std::make_shared<Work>(
            attempt.loop, [tls] { tls->step(); }, attempt.owner);
        co_await way.workers.run(attempt.work, attempt.owner, base.authority);
        if (attempt.work->refused)
            co_return std::string(
                "there is no thread for it; see the container's pids limit, or TasksMax= of the service");
    }
    co_return std::string();
}

/// Asks the proxy for the way to the provider, and adds to `early` what came behind its answer. Gives what went wrong;
/// empty: it is open.
Task<std::string> tunnel(Stream& stream, const ProxyUrl& proxy, const BaseUrl& base, std::string& early) {
    const bool v6 = base.host.find(':') != std::string::npos;
    const std::string to = (v6 ? "[" + base.host + "]" : base.host) + ":" + std::to_string(base.port);
    std::string ask = "CONNECT " + to + " HTTP/1.1\r\nHost: " + to + "\r\n";
    if (!proxy.credentials.empty()) ask += "Proxy-Authorization: Basic " + base64(proxy.credentials) + "\r\n";
    ask += "\r\n";
    std::string answer;
    bool came = co_await write_all(stream, ask);
    std::optional<std::size_t> size;
    for (std::size_t seen = 0; came && !size && answer.size() < most_of_proxy; size = head_size(answer, seen)) {
        seen = answer.size();
        came = co_await receive_more(stream, answer);
    }
    const auto head = read_response_head(std::string_view(answer).substr(0, size.value_or(0)), "CONNECT");
    if (!head) co_return std::string("the proxy does not answer");
    early = answer.substr(*size);
    if (head->status != 200) co_return "the proxy answered " + std::to_string(head->status);
    co_return std::string();
}

struct Taken {
    std::optional<std::string> wrong;  ///< with who has taken it, or listens
    bool waits = false;                ///< nobody has, in that time
};

/// Waits for who takes the connection: a socket that root made may listen for another user, and says that it is root's.
/// `bound` none: until attempt.late.
Task<Taken> who_takes(Attempt& attempt, WayOut way, std::optional<std::chrono::milliseconds> bound) {
    const auto stream = attempt.stream;
    std::chrono::milliseconds waited{0};
    for (std::chrono::milliseconds pause{1};; pause = std::min(2 * pause, ask_again_within)) {
        const PeerUid::Server server = way.peers.of_server(stream->native());
        Taken out{wrong_owner(way, server), server.waits};
        if (out.wrong || !out.waits || (bound && waited >= *bound)) co_return out;
        // For one that is given a connection only when something has come. An empty line would do, but some servers
        // close the connection for it, and one whose queue is full cannot be told from these.
        if (server.for_data && waited >= loopback_answers_in / 10) stream->begin_with(attempt.first);
        Signal over(attempt.loop, attempt.owner);
        Timer timer(attempt.loop);
        timer.start(pause, [&] { over.fire(); });
        co_await over.wait();
        waited += pause;
        if (attempt.late) co_return out;
    }
}

/// The first of `places` that takes a connection. With `to_right_owner` another user's server on this machine is passed
/// over: it may be on ::1 where the operator's is on 127.0.0.1. Gives why none of them is good; empty: it is
/// attempt.stream.
Task<std::string> connect_to_one(Attempt& attempt, WayOut way, std::vector<Address> places, bool to_right_owner) {
    right_ones_first(places, way);
    std::optional<std::string> wrong;
    std::shared_ptr<Stream> slow;
    int error = 0;
    for (std::size_t i = 0; i < places.size() && !attempt.late; ++i) {
        const bool is_near = to_right_owner && is_loopback_address(places[i].text());
        Timer no_answer(attempt.loop);
        if (is_near && i + 1 < places.size()) no_answer.start(loopback_answers_in, [&] { attempt.stream->close(); });
        error = co_await connect(attempt, places[i]);
        no_answer.cancel();
        if (error != 0) continue;
        if (!to_right_owner) co_return std::string();
        const bool others = is_near && i + 1 < places.size();
        const Taken taken =
            co_await who_takes(attempt, way, others ? std::optional(loopback_answers_in) : std::nullopt);
        if (!taken.wrong && !taken.waits) co_return std::string();
        if (!wrong) wrong = taken.wrong;
        if (!taken.wrong && !slow) slow = attempt.stream;
    }
    if (slow && !attempt.late) {
        attempt.stream = slow;
        const Taken taken = co_await who_takes(attempt, way, std::nullopt);
        if (!taken.wrong && !taken.waits) co_return std::string();
        if (!wrong) wrong = taken.wrong;
    }
    if (wrong) co_return *std::move(wrong);
    co_return std::generic_category().message(error) + "; see whether this machine may connect to it";
}

bool may_go_to(const Address& address, const BaseUrl& base, bool through_proxy) {
    if (through_proxy) return true;  // the operator's own choice, and not the provider's address
    const std::string text = address.text();
    return !is_link_local_address(text) && (base.tls || is_loopback_address(text));
}

}  // namespace

Task<Allowed<std::shared_ptr<Stream>>> open_upstream(WayOut way, const BaseUrl& base) {
    const auto wanted = proxy_for(way.limits, base);
    const auto proxy = wanted ? *wanted : std::nullopt;
    Attempt attempt(way, proxy ? 'C' : way.first);
    if (!wanted) co_return unreachable(attempt, base, "proxy", "[broker] proxy " + wanted.error().message);
    attempt.timer.start(std::chrono::milliseconds(way.limits.connect_ms), [&] { attempt.give_up(); });
    const WayOut::Stop::While connecting(way.stop, [&] { attempt.give_up(); });
    const std::string host = proxy ? proxy->host : base.host;
    const std::string port = proxy ? proxy->port : std::to_string(base.port);

    co_await way.names.look_up(attempt.lookup, host, port);
    if (attempt.late || attempt.lookup->answer.error != 0)
        co_return unreachable(attempt, base, "DNS",
                              std::string(::gai_strerror(attempt.lookup->answer.error)) +
                                  "; see whether its name is spelt right and DNS works here");
    std::vector<Address> places = attempt.lookup->answer.found;
    std::erase_if(places, [&](const Address& place) { return !may_go_to(place, base, proxy.has_value()); });
    if (places.empty())
        co_return unreachable(attempt, base, "DNS",
                              "its address is one where no key is sent (link-local, or http beyond loopback)");

    const bool is_open = proxy ? !proxy->credentials.empty() : !base.tls;
    const std::string why = co_await connect_to_one(attempt, way, std::move(places), is_open);
    if (!why.empty()) co_return unreachable(attempt, base, "TCP", why);
    std::string early;
    if (proxy) {
        const std::string wrong = co_await tunnel(*attempt.stream, *proxy, base, early);
        if (!wrong.empty()) co_return unreachable(attempt, base, "proxy", wrong + "; see [broker] proxy");
    }
    if (base.tls) {
        const std::string wrong = co_await begin_tls(attempt, way, base, std::move(early));
        if (!wrong.empty()) co_return unreachable(attempt, base, "TLS", wrong);
    }
    attempt.timer.cancel();
    if (attempt.late) co_return unreachable(attempt, base, "TLS", "");
    co_return std::move(attempt.stream);
}

}  // namespace capsule::broker
