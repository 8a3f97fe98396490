#include "daemon/broker/upstream.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/steady_timer.hpp>

#include "daemon/broker/core/http_head.hpp"

namespace capsule::broker {
namespace {

using Results = Tcp::resolver::results_type;

/// So soon after its last answer no provider has closed a connection. One that has is noticed by the request itself,
/// which then goes over a new one.
constexpr std::chrono::milliseconds surely_good{20};

/// What the time limit ends, whichever step it is in.
struct Attempt : std::enable_shared_from_this<Attempt> {
    explicit Attempt(const asio::any_io_executor& executor) : resolver(executor), socket(executor), timer(executor) {}

    Tcp::resolver resolver;
    Tcp::socket socket;
    std::shared_ptr<Stream> stream;
    asio::steady_timer timer;
    bool late = false;

    void start(std::uint32_t milliseconds) {
        timer.expires_after(std::chrono::milliseconds(milliseconds));
        // The timer's word may be on its way when the attempt has ended: hence the weak pointer.
        timer.async_wait([weak = weak_from_this()](ErrorOf error) {
            const auto self = weak.lock();
            if (error || !self) return;
            self->late = true;
            ErrorOf ignored;
            self->resolver.cancel();
            self->socket.close(ignored);
            if (self->stream) self->stream->close();
        });
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

struct Proxy {
    std::string host, port, credentials;  ///< credentials: "user:password", as they stand in the URL
};

std::optional<Proxy> proxy_for(const Configure& limits, const BaseUrl& base) {
    if (!limits.proxy || !base.tls || is_loopback_address(base.host) || base.host == "localhost" ||
        is_in_no_proxy(limits.no_proxy.value_or(""), base.host, base.port))
        return std::nullopt;
    std::string_view url = *limits.proxy;
    if (url.starts_with("http://")) url.remove_prefix(7);
    url = url.substr(0, url.find('/'));
    Proxy out;
    if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) {
        out.credentials = url.substr(0, at);
        url.remove_prefix(at + 1);
    }
    const std::size_t colon = url.rfind(':');
    out.host = url.substr(0, colon);
    out.port = colon == std::string_view::npos ? "80" : url.substr(colon + 1);
    if (out.host.starts_with('[') && out.host.ends_with(']')) out.host = out.host.substr(1, out.host.size() - 2);
    return out;
}

std::string base64(std::string_view text) {
    std::string out((text.size() + 2) / 3 * 4 + 1, '\0');
    const int size =
        ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                          reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    out.resize(static_cast<std::size_t>(size));
    return out;
}

asio::awaitable<bool> handshake(Stream& stream) {
    for (;;) {
        const Io io = stream.try_handshake();
        if (io.is == Io::Is::done) co_return true;
        if (!io.waits()) co_return false;
        ErrorOf error;
        co_await stream.wait(io.is, error);
        if (error) co_return false;
    }
}

/// Asks the proxy for the way to the provider. Gives what went wrong; empty: it is open.
asio::awaitable<std::string> tunnel(Stream& stream, const Proxy& proxy, const BaseUrl& base) {
    const bool v6 = base.host.find(':') != std::string::npos;
    const std::string to = (v6 ? "[" + base.host + "]" : base.host) + ":" + std::to_string(base.port);
    std::string ask = "CONNECT " + to + " HTTP/1.1\r\nHost: " + to + "\r\n";
    if (!proxy.credentials.empty()) ask += "Proxy-Authorization: Basic " + base64(proxy.credentials) + "\r\n";
    ask += "\r\n";
    std::string answer;
    const bool asked = co_await write_all(stream, ask);
    while (asked && !head_size(answer)) {
        std::array<char, 1> byte;  // no more than the head: what follows is TLS
        const Io io = stream.try_read(byte);
        if (io.is == Io::Is::done && answer.size() < max_head) {
            answer += byte[0];
        } else if (io.waits()) {
            ErrorOf error;
            co_await stream.wait(io.is, error);
            if (error) break;
        } else {
            break;
        }
    }
    const auto head = read_response_head(answer, "CONNECT");
    if (!head) co_return std::string("the proxy does not answer");
    if (head->status != 200) co_return "the proxy answered " + std::to_string(head->status);
    co_return std::string();
}

bool may_go_to(const asio::ip::address& address, const BaseUrl& base, bool through_proxy) {
    const std::string text = address.to_string();
    if (through_proxy) return true;  // the operator's own choice, and not the provider's address
    return !is_link_local_address(text) && (base.tls || is_loopback_address(text));
}

}  // namespace

bool Upstream::is_for(const BaseUrl& base, const Secret& key) const {
    return base.tls == base_.tls && base.authority == base_.authority && key_.same_as(key);
}

std::shared_ptr<Stream> Upstream::take() {
    while (!kept_.empty()) {
        auto [stream, since] = std::move(kept_.back());
        kept_.pop_back();
        if (Clock::now() - since < surely_good || stream->is_still_good()) return stream;
    }
    return nullptr;
}

void Upstream::keep(std::shared_ptr<Stream> stream) {
    kept_.push_back({std::move(stream), Clock::now()});
}

bool Upstream::close_older_than(Clock::time_point then) {
    std::erase_if(kept_, [&](const Kept& each) { return each.since < then; });
    return !kept_.empty();
}

asio::awaitable<Allowed<std::shared_ptr<Stream>>> open_upstream(WayOut way, const BaseUrl& base) {
    const auto shared = std::make_shared<Attempt>(way.executor);
    Attempt& attempt = *shared;
    attempt.start(way.limits.connect_ms);
    const auto proxy = proxy_for(way.limits, base);
    const std::string host = proxy ? proxy->host : base.host;
    const std::string port = proxy ? proxy->port : std::to_string(base.port);
    ErrorOf error;

    const auto numeric = asio::ip::make_address(host, error);
    std::vector<Tcp::endpoint> places;
    if (!error && proxy) {
        const Results found =
            co_await attempt.resolver.async_resolve(host, port, asio::redirect_error(asio::use_awaitable, error));
        for (const auto& each : found)
            places.push_back(each.endpoint());
    } else if (!error) {
        places.emplace_back(numeric, base.port);
    } else {
        error = {};
        const Results found =
            co_await attempt.resolver.async_resolve(host, port, asio::redirect_error(asio::use_awaitable, error));
        for (const auto& each : found)
            places.push_back(each.endpoint());
    }
    if (error)
        co_return unreachable(attempt, base, "DNS",
                              error.message() + "; see whether its name is spelt right and DNS works here");
    std::erase_if(places,
                  [&](const Tcp::endpoint& place) { return !may_go_to(place.address(), base, proxy.has_value()); });
    if (places.empty())
        co_return unreachable(attempt, base, "DNS",
                              "its address is one where no key is sent (link-local, or http beyond loopback)");

    error = asio::error::host_not_found;
    for (const Tcp::endpoint& place : places) {
        ErrorOf ignored;
        attempt.socket.close(ignored);
        if (attempt.late) break;
        error = {};
        co_await attempt.socket.async_connect(place, asio::redirect_error(asio::use_awaitable, error));
        if (!error) break;
    }
    if (error)
        co_return unreachable(attempt, base, "TCP", error.message() + "; see whether this machine may connect to it");
    attempt.stream = std::make_shared<Stream>(std::move(attempt.socket));
    if (proxy) {
        const std::string wrong = co_await tunnel(*attempt.stream, *proxy, base);
        if (!wrong.empty()) co_return unreachable(attempt, base, "proxy", wrong + "; see [broker] proxy");
    }
    if (base.tls) {
        Ssl ssl = way.tls.make(base);
        if (!ssl) co_return unreachable(attempt, base, "TLS", "OpenSSL does not take its name");
        attempt.stream = std::make_shared<Stream>(std::move(attempt.stream->socket()), std::move(ssl));
        const bool done = co_await handshake(*attempt.stream);
        if (!done)
            co_return unreachable(
                attempt, base, "TLS",
                why_tls_failed(attempt.stream->ssl()) + "; an own authority belongs into [broker] ca_file");
    }
    attempt.timer.cancel();
    if (attempt.late) co_return unreachable(attempt, base, "TLS", "");
    co_return std::move(attempt.stream);
}

}  // namespace capsule::broker
