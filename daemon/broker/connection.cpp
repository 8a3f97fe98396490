#include "daemon/broker/connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include "daemon/broker/core/error_text.hpp"
#include "daemon/broker/scratch.hpp"

namespace capsule::broker {
namespace {

/// Whose share of the broker a connection takes that has shown no token. All whose user cannot be known are one, and
/// so are all users without a session: one person can have many uids (subuid(5)). Of several who have asked for
/// sessions of this user it is the one with the fewest connections: any of them may be who floods the broker.
Share share_of(Broker& broker, Uid uid) {
    if (!uid) return {};
    const auto payers = broker.sessions().payers_of(*uid);
    if (payers.empty()) return {};
    const auto connections = [&](Payer payer) { return broker.places()->of(payer); };
    return {*std::ranges::min_element(payers, {}, connections), uid};
}

/// Nearly every head is shorter.
constexpr std::size_t usual_head = 1536;
/// What is read first of who has shown no token: of the rest no more than of a few at a time.
constexpr std::size_t first_of_stranger = 4 * 1024;

/// Who has shown no token is not kept.
constexpr std::string_view fine = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Of an answer that the agent does not take the kernel keeps no more. Else it would keep some megabytes of each
/// (net.ipv4.tcp_wmem), in the broker's memory, also when the answer is no stream any more.
void keep_little(const Stream& client) {
    const int sent = 64 * 1024;
    ::setsockopt(client.native(), SOL_SOCKET, SO_SNDBUF, &sent, sizeof sent);
}

Refusal too_many() {
    return {503, "capsule_too_many_connections",
            "too many connections to the key broker at once ([broker] connections): try again", 1};
}

}  // namespace

Connection::Connection(Broker& broker, UniqueFd socket, std::optional<std::uint32_t> uid)
    : broker_(broker),
      places_(broker.places()),
      client_(broker.loop(), std::move(socket)),
      uid_(uid),
      share_(share_of(broker, uid)),
      owner_(share_.payer),
      place_(places_->enter(this, share_)),
      stranger_until_(broker.loop().now() + std::chrono::milliseconds(broker.limits().stranger_ms)) {
    client_.belongs_to(owner_);
    keep_little(client_);
}

Connection::~Connection() {
    places_->forget(place_);
}

Task<void> Connection::run([[maybe_unused]] Self self) {
    bool again = true;
    while (again) {
        Refusal refusal;
        whose_.reset();
        const auto size = co_await read_head(refusal);
        if (!size && refusal.code.empty()) break;  // it has left
        if (!size) {
            co_await refuse(std::move(refusal));
            break;
        }
        auto head = read_request_head(std::string_view(in_).substr(0, *size));
        if (!head) {
            co_await refuse(head.error());
            break;
        }
        surface_ = surface_of(*head);
        head_only_ = head->method == "HEAD";
        if (const auto wrong = check_browser(*head)) {
            co_await refuse(*wrong);
            break;
        }
        if (is_probe(*head)) {
            co_await write_all(client_, fine);
            break;
        }
        auto admitted = admit(*head);
        if (!admitted) {
            if (whose_) {
                Exchanged refused;
                refused.status = admitted.error().status;
                refused.message = admitted.error().message;
                broker_.sessions().begun(whose_);
                broker_.sessions().ended(whose_, refused);
            }
            co_await refuse(admitted.error());
            break;
        }
        Admitted who = std::move(*admitted);
        RequestHead request = *std::move(head);
        again = !request.close;
        const auto failed = co_await exchange(std::move(request), *size, std::move(who), again);
        if (failed) {
            co_await refuse(*failed);
            break;
        }
    }
    co_await leave();
    broker_.one_has_gone();
}

void Connection::turn_out() {
    const Refusal refusal = too_many();
    broker_.count_stranger(refusal.code, uid_);
    client_.try_write(error_answer(surface_, refusal));
    client_.close();
}

/// Who has shown no token waits for a head no longer than strangers may.
void Connection::limit_head(Bound what, std::uint32_t milliseconds) {
    limit(what, milliseconds);
    if (place_->state == Places::State::stranger) deadline_ = std::min(deadline_, stranger_until_);
}

/// Gives the head's size; none with a refusal, or without one when the client has left or was too slow.
Task<std::optional<std::size_t>> Connection::read_head(Refusal& refusal) {
    limit_head(in_.empty() ? Bound::idle : Bound::header,
               in_.empty() ? broker_.limits().idle_ms : broker_.limits().header_ms);
    bool there_is_more = false;
    for (std::size_t seen = 0;;) {
        const auto size = head_size(in_, seen);
        if (size.value_or(in_.size()) > max_head) {
            refusal = {431, "capsule_head_too_large",
                       "the request's headers take more than 64 KiB: send fewer or shorter ones", 0};
            co_return std::nullopt;
        }
        if (size) {
            limit_ = Bound::none;
            if (place_->head_bytes > 0) broker_.hold_head(place_, 0);
            // A body that is whole can be sent again.
            const Io rest = there_is_more ? client_.try_read(scratch()) : Io{};
            if (rest.is == Io::Is::done) in_.append(scratch().data(), rest.bytes);
            co_return size;
        }
        seen = in_.size();
        const bool is_stranger = place_->state == Places::State::stranger;
        // A stranger's may become as long as any while it is read.
        if (in_.size() > usual_head) broker_.hold_head(place_, is_stranger ? max_head : in_.capacity());
        // A connection that is idle holds no room for what may come.
        const bool came = co_await client_.readable();
        const bool little = in_.empty() && is_stranger;
        const Io io = came && !late_ ? client_.try_read(little ? scratch().first(first_of_stranger) : scratch()) : Io{};
        if (io.waits()) continue;
        if (io.is != Io::Is::done) co_return std::nullopt;
        const bool first = in_.empty();
        in_.append(scratch().data(), io.bytes);
        there_is_more = little && io.bytes == first_of_stranger;
        if (first) limit_head(Bound::header, broker_.limits().header_ms);
    }
}

/// A browser that was led here (by a page whose name resolves to 127.0.0.1) says so in these.
std::optional<Refusal> Connection::check_browser(const RequestHead& head) const {
    constexpr std::string_view fetch = "sec-fetch-";
    const bool is_browser = std::ranges::any_of(head.fields, [&](const Field& each) {
        return same_name(each.name, "origin") || same_name(each.name.substr(0, fetch.size()), fetch);
    });
    if (!is_browser && same_name(field(head.fields, "host"), broker_.address())) return std::nullopt;
    return Refusal{403, "capsule_not_this_session",
                   "this address is for an agent's own requests, not for a browser's or under another name: use the "
                   "base URL as the session has it",
                   0};
}

/// Claude Code asks for the base URL by HEAD, without a credential, before it begins.
bool Connection::is_probe(const RequestHead& head) const {
    return head.method == "HEAD" && head.body.kind == BodyLength::Kind::none && !has_credential(head) &&
           broker_.sessions().has_base_path(head.target);
}

Allowed<Connection::Admitted> Connection::admit(const RequestHead& head) {
    // Codex tries seven times unless it is told at once.
    if (!field(head.fields, "upgrade").empty())
        return Refusal{426, "capsule_no_upgrade", "WebSockets are not passed on: use plain HTTP", 0};
    const auto credentials = credentials_of(head);
    if (credentials.empty())
        return Refusal{
            401, "capsule_no_token",
            "the request has no session token: start the agent with capsulectl exec, or a launcher that asks capsuled",
            0};
    std::optional<Admitted> out;
    for (const Credential& each : credentials)
        if (!out)
            if (auto session = broker_.sessions().find(each.token)) out = Admitted{std::move(session), each};
    if (!out) {
        const std::string why = broker_.sessions().ended(credentials.front().token);
        if (why.empty() && broker_.may_be_granted(credentials.front().token))
            return Refusal{503, "capsule_starting",
                           "capsuled has just started, and this session's token may be granted anew: try again", 1};
        return Refusal{
            401, "capsule_session_ended",
            (why.empty() ? "this session has ended, or its token was never one" : "this session has ended: " + why) +
                "; start the agent again",
            0};
    }
    const Session& session = *out->session;
    surface_ = session.surface;  // errors from here on are in its shape
    if (uid_ && session.grant.uid && *uid_ != *session.grant.uid)
        return Refusal{403, "capsule_not_this_session",
                       "this token belongs to another user's session: every user's sessions have tokens of their own",
                       0};
    whose_ = out->session;
    if (const auto where = check_target(head.target, session.base.path); !where) return where.error();
    if (head.target.find(out->credential.token) != std::string_view::npos)
        return Refusal{400, "capsule_bad_target", "the session token is part of the URL: it belongs into a header", 0};
    if (!session.upstream) return no_key_for(session);
    if (session.streams >= broker_.limits().streams)
        return Refusal{429, "capsule_busy",
                       "this session has too many requests under way at once ([broker] streams): wait for one to end",
                       1};
    owner_ = session.share.value_or(share_).payer;
    client_.belongs_to(owner_);
    if (!broker_.make_room(place_, session.share.value_or(share_))) return too_many();
    return *std::move(out);
}

Task<void> Connection::refuse(Refusal refusal) {
    if (!whose_) broker_.count_stranger(refusal.code, uid_);
    const std::string answer = error_answer(surface_, refusal, head_only_);
    limit(Bound::client, client_ms_);
    co_await write_all(client_, answer);
}

/// An orderly end, and then the client has its time to take what is on its way and to leave.
Task<void> Connection::leave() {
    discarding_ = true;
    if (upstream_) upstream_->close();
    upstream_.reset();
    const bool told = client_.is_open() && ::shutdown(client_.native(), SHUT_WR) == 0;
    limit(Bound::leaving, leave_ms);
    if (uploading_) co_return;  // that coroutine reads on, and is the last one here
    if (told) co_await let_it_leave();
    client_.close();
}

/// Closing takes back what the client has not taken: also from one that still sends, or will send nothing more.
Task<void> Connection::let_it_leave() {
    for (bool open = true; open;) {
        const Io io = client_.try_read(scratch());
        if (io.is == Io::Is::done) {
            // A client that sends on and on has its turn like others, and its time is looked at.
            co_await broker_.loop().others_have_their_turn(owner_);
            continue;
        }
        if (!io.waits()) {
            if (!is_on_its_way()) co_return;
            client_.nothing_to_read();  // the kernel tells when all has been taken
        }
        open = co_await client_.readable();
    }
}

void Connection::cut() {
    cut_ = true;
    stop_connecting_();
    if (upstream_) upstream_->close();
    client_.close();
}

/// Behind shutdown(): whether the client has not taken all of what was written.
bool Connection::is_on_its_way() const {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(client_.native(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
    // The second and third: the client has ended its side.
    return info.tcpi_state == TCP_FIN_WAIT1 || info.tcpi_state == TCP_CLOSING || info.tcpi_state == TCP_LAST_ACK;
}

void Connection::look_at_the_time(Clock::time_point now) {
    if (limit_ == Bound::provider) watch_for_leaving();
    if (limit_ == Bound::none || now < deadline_) return;
    // A reset takes back what is on its way, and a client may pause while it reads.
    const auto last = deadline_ + std::chrono::milliseconds(client_ms_);
    if (limit_ == Bound::leaving && now < last && is_on_its_way()) return;
    const Bound over = std::exchange(limit_, Bound::none);
    late_ = true;
    if (over == Bound::provider && upstream_)
        upstream_->close();
    else if (over == Bound::idle || over == Bound::header)
        client_.end_wait_to_read();  // leave() is next
    else
        client_.close();
}

}  // namespace capsule::broker
