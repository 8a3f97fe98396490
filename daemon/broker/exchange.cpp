// One request and its answer, once it is known who asks and where it goes.
#include <fmt/format.h>

#include <algorithm>

#include "daemon/broker/answer_coding.hpp"
#include "daemon/broker/core/error_text.hpp"
#include "daemon/broker/exchange.hpp"
#include "daemon/broker/scratch.hpp"

namespace capsule::broker {
namespace {

/// So much is looked through for the key at a time. It may take a millisecond, and others have their turn then.
constexpr std::size_t looked_through_at_once = 4096;

constexpr std::string_view proceed = "HTTP/1.1 100 Continue\r\n\r\n";

/// Whatever an answer says of its error: a message, else a type, else a code.
std::string_view words_of_error(const AnswerReader& answer) {
    if (!answer.message().empty()) return answer.message();
    if (!answer.type().empty()) return answer.type();
    return answer.code().empty() && answer.is_error() ? "error" : std::string_view(answer.code());
}

UtcTime now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

/// What is counted of an answer. It passed as it came, so what it says may have the key.
void tell(Exchanged& counts, const AnswerReader& answer, const KeyForms& key, const Session& session,
          const std::optional<std::string>& retry_at) {
    counts.answered = without_secrets(answer.model(), key);
    if (counts.status < 400 && !answer.is_error()) return;
    counts.message = without_secrets(words_of_error(answer), key);
    const LimitAnswer refused{counts.status, answer.code(), answer.type(), counts.message};
    auto kind = limit_kind(session.rules, refused);
    if (!kind) return;
    const ResetClues clues{counts.message, answer.reset(), retry_at};
    counts.limit = Limit{std::move(*kind), counts.message, reset_time(clues, session.grant.reset_zone, now())};
}

}  // namespace

Task<std::optional<Refusal>> Connection::exchange(RequestHead head, std::size_t head_bytes, Admitted admitted,
                                                  bool& again) {
    const auto exchange = std::make_shared<Exchange>(broker_.loop().now());
    exchange->session = session_ = admitted.session;
    client_ms_ = session_->grant.timeout_ms;
    exchange->provider = session_->upstream;
    surface_ = session_->surface;
    const UnderWay under_way(broker_.sessions().due(), session_);
    broker_.sessions().begun(session_);
    exchange->out = request_for_provider(head, admitted.credential, exchange->provider->key().reveal(), session_->base);
    exchange->sent = Body(head.body);
    exchange->has_body = head.body.kind != BodyLength::Kind::none;
    exchange->asks_a_model = head.method == "POST" && asks_a_model(head.target, session_->base.path);
    const std::string_view rest = std::string_view(in_).substr(head_bytes);
    const std::size_t mine = exchange->sent.take(rest, [&](std::string_view part) { exchange->asked.feed(part); });
    exchange->out.append(rest.substr(0, mine));
    exchange->all_in_out = exchange->sent.done();
    exchange->counts.bytes_up = mine;
    const bool expects = head.expects_continue && !exchange->sent.done();
    in_.erase(0, head_bytes + mine);           // `head` is gone with it
    if (in_.empty()) std::string().swap(in_);  // a stream holds no buffer

    std::optional<Refusal> refusal;
    if (exchange->sent.bad()) refusal = bad_request("a chunked body with extensions, trailers or another mistake");
    if (!refusal && expects) {
        limit(Bound::client, client_ms_);
        co_await write_all(client_, proceed);
    }
    if (!refusal) refusal = co_await ask(*exchange);
    if (!refusal && !exchange->sent.done()) {
        uploading_ = true;
        broker_.loop().spawn(upload(shared_from_this(), exchange));
    }
    if (!refusal) refusal = co_await read_answer(*exchange);
    if (refusal) {
        again = false;
        exchange->counts.status = refusal->status;
        exchange->counts.message = refusal->message;
    } else {
        exchange->counts.whole = co_await relay(*exchange, again);
        again = again && exchange->counts.whole;
    }
    settle(*exchange);
    places_->rest(place_);
    co_return refusal;
}

/// Sends the head, with what came of the body, over a kept connection or a new one.
Task<std::optional<Refusal>> Connection::ask(Exchange& exchange) {
    upstream_ = exchange.was_kept ? nullptr : exchange.provider->take();  // was_kept already: this is the second time
    const bool second = std::exchange(exchange.was_kept, upstream_ != nullptr);
    if (!upstream_) {
        exchange.was_kept = false;
        WayOut way = broker_.way_out(owner_);
        way.stop = &stop_connecting_;
        way.first = exchange.out.front();
        auto opened = co_await open_upstream(way, exchange.session->base);
        if (!opened) co_return opened.error();
        upstream_ = *std::move(opened);
    }
    upstream_->belongs_to(owner_);
    // The session may have ended meanwhile: then no key goes out.
    if (cut_ || !exchange.session->live)
        co_return Refusal{401, "capsule_session_ended", "this session has ended; start the agent again", 0};
    if (!exchange.session->upstream) co_return no_key_for(*exchange.session);  // removed meanwhile
    limit(Bound::provider, exchange.session->grant.timeout_ms);
    const bool sent = co_await write_all(*upstream_, exchange.out);
    exchange.written = sent && exchange.all_in_out;
    if (sent) co_return std::nullopt;
    if (!second && exchange.was_kept && exchange.all_in_out && !late_ && !cut_) {
        const auto refusal = co_await ask(exchange);
        co_return refusal;
    }
    co_return why_no_answer(exchange);
}

Task<std::optional<Refusal>> Connection::read_answer(Exchange& exchange) {
    std::size_t seen = 0;     // bytes that are no whole head
    std::size_t interim = 0;  // bytes of the heads that only say "go on": without end they would never wait
    for (;;) {
        limit(Bound::provider, exchange.session->grant.timeout_ms);
        // Not only when the kernel tells of something: TLS may have taken it in already.
        // What comes with the head may be an error's.
        const Io io = upstream_->try_read(scratch().first(looked_through_at_once));
        if (io.waits()) {
            co_await upstream_->ready_for(io.is);
            continue;  // of one that was closed the next read fails
        }
        if (io.is == Io::Is::done) {
            exchange.got.append(scratch().data(), io.bytes);
        } else {
            // A kept connection that was closed while this request was on its way: nobody has seen it.
            const bool closed_before = exchange.was_kept && exchange.got.empty() && exchange.all_in_out;
            if (!closed_before || late_ || cut_ || client_left_) co_return why_no_answer(exchange);
            const auto refusal = co_await ask(exchange);
            if (refusal) co_return refusal;
            continue;
        }
        const std::string_view got(exchange.got);
        for (auto size = head_size(got.substr(interim), seen); size || got.size() > max_head;
             size = head_size(got.substr(interim))) {
            if (interim + size.value_or(got.size()) > max_head)
                co_return bad_answer("its headers take more than 64 KiB");
            auto head = read_response_head(got.substr(interim, *size), head_only_ ? "HEAD" : "GET");
            if (!head) co_return head.error();
            if (head->status == 101) co_return bad_answer("it changes the protocol without being asked");
            interim += *size;
            if (head->status < 200) continue;  // the client has been told
            Body begun(head->body);
            begun.take(got.substr(interim), [](std::string_view) {});
            if (begun.bad()) co_return bad_answer("a chunked body with extensions, trailers or another mistake");
            exchange.head = *std::move(head);
            exchange.head_bytes = interim;
            exchange.wipe();
            co_return std::nullopt;
        }
        seen = got.size() - interim;
    }
}

Refusal Connection::why_no_answer(const Exchange& exchange) const {
    if (exchange.bad_body) return bad_request("a chunked body with extensions, trailers or another mistake");
    if (cut_) return {401, "capsule_session_ended", "this session has ended; start the agent again", 0};
    const std::string& who = exchange.session->grant.label;
    if (upstream_ && upstream_->is_flooded()) return too_many_messages(who);
    if (late_)
        return {504, "capsule_upstream_timeout",
                fmt::format("{} was silent for {} seconds; try again", who, exchange.session->grant.timeout_ms / 1000),
                0};
    return {502, "capsule_upstream_unreachable", who + " closed the connection without an answer; try again", 0};
}

/// Counts an answer that cannot be looked through for the key. Gives what goes on in its place.
Refusal Connection::not_looked_into(Exchange& exchange) {
    const int status = exchange.head.status;
    Refusal instead{status < 300 ? 502 : status, "capsule_encoded_error",
                    fmt::format("{} answered {}, in a coding that the broker does not look into",
                                exchange.session->grant.label, status),
                    0};
    exchange.counts.status = instead.status;
    exchange.counts.message = instead.message;
    const LimitAnswer by_status{status, {}, {}, {}};
    if (const auto kind = limit_kind(exchange.session->rules, by_status)) {
        const Limit limit{*kind, instead.message, exchange.retry_at};
        exchange.counts.limit = limit;
    }
    exchange.answer.reset();  // which has not read it
    return instead;
}

/// Passes the answer on as it arrives. Gives whether all of it came and went.
Task<bool> Connection::relay(Exchange& exchange, bool& again) {
    const ResponseHead& head = exchange.head;
    exchange.received = Body(head.body);
    // A server that has not read a body takes it for the next request, with the next one's key: one that has answered
    // before all of it was there, has refused it, or does not expect one there. One that has sent more than HTTP lets
    // it has sent it to whoever asks next.
    const bool has_read_it = exchange.written && (!exchange.has_body || (exchange.asks_a_model && head.status < 300));
    const bool may_keep = head.keep_alive && has_read_it && !head_only_ && head.status != 204 && head.status != 304;
    again = again && exchange.written && !exchange.received.ends_with_connection();
    exchange.counts.status = head.status;
    exchange.counts.seconds = std::chrono::duration<double>(broker_.loop().now() - exchange.begin).count();
    const KeyForms& key = exchange.provider->key_forms();
    std::string types;
    const std::string_view kinds = types_of(head, types), charset = charset_of(kinds);
    const std::string_view coding = charset.empty() ? coding_of(head) : charset;
    if (head.status >= 400)
        if (const auto time = retry_time(field(head.fields, "retry-after"), now())) exchange.retry_at = utc_text(*time);
    AnswerReader::Format format = AnswerReader::format_of(kinds, coding);
    const std::string_view first = std::string_view(exchange.got).substr(exchange.head_bytes);
    const bool by_status = head.status >= 300;
    // A 200 whose words the broker cannot read may be an error, too.
    const bool unread_200 = !charset.empty() && charset != no_charset && format != AnswerReader::Format::other;
    const bool hides = by_status ? !coding.empty() || hides_letters(exchange.received, first, true) : unread_200;
    if (hides && !exchange.received.done()) {
        again = false;
        limit(Bound::client, client_ms_);
        co_await write_all(client_, error_answer(surface_, not_looked_into(exchange), head_only_));
        co_return true;
    }
    // A refusal is JSON, whatever a gateway on its way calls it.
    const bool known = format == AnswerReader::Format::json || format == AnswerReader::Format::events;
    if (head.status >= 400 && !known && coding.empty()) format = AnswerReader::Format::json;
    if (by_status) exchange.mask = std::make_unique<KeyMask>(key);
    // The body says whether a 200 is an error, and the head may have been sent by then.
    std::string out = head_without_key(response_for_agent(head, !again, key.key.reveal()), key);
    exchange.answer = std::make_unique<AnswerReader>(format);
    auto passing = pass_on(exchange, first, std::move(out));
    bool surplus = exchange.received.done() && exchange.counts.bytes_down < first.size();
    std::string().swap(exchange.got);  // and with it what `head` and `first` show
    bool good = co_await passing;
    Turn turn;
    while (good && !exchange.received.done() && !exchange.received.bad()) {
        const Io io = upstream_->try_read(exchange.mask ? scratch().first(looked_through_at_once) : scratch());
        if (io.is == Io::Is::done) {
            const std::uint64_t before = exchange.counts.bytes_down;
            const std::string_view bytes(scratch().data(), io.bytes);
            if (by_status && hides_letters(exchange.received, bytes, before == 0)) {
                not_looked_into(exchange);
                good = false;
                break;
            }
            std::string nothing;
            auto rest = pass_on(exchange, bytes, std::move(nothing));
            good = co_await rest;
            surplus = exchange.counts.bytes_down - before < io.bytes;
            if (turn.is_over()) {
                co_await broker_.loop().others_have_their_turn(owner_);
                turn.end();
            }
        } else if (io.waits()) {
            limit(Bound::provider, exchange.session->grant.timeout_ms);
            good = co_await upstream_->ready_for(io.is);
            turn.end();
        } else {
            good = io.is == Io::Is::ended && exchange.received.ends_with_connection();
            if (upstream_->is_flooded())
                exchange.counts.message = too_many_messages(exchange.session->grant.label).message;
            break;
        }
    }
    if (good && exchange.mask && exchange.received.ends_with_connection()) {
        const std::string last(exchange.mask->finish());
        good = co_await write_all(client_, last);
    }
    limit_ = Bound::none;
    good = good && !cut_ && (exchange.received.done() || exchange.received.ends_with_connection());
    if (good && may_keep && !surplus && exchange.session->live) {
        exchange.provider->keep(std::move(upstream_), owner_, broker_.loop().now());
        broker_.watch_time();
    }
    if (!good) client_.close();
    if (upstream_) upstream_->close();  // upload() may wait for a provider that takes no more
    upstream_.reset();
    co_return good;
}

void Connection::settle(Exchange& exchange) {
    limit_ = Bound::none;
    if (std::exchange(watching_, false)) client_.end_wait_to_read();
    Exchanged& counts = exchange.counts;
    counts.asked = without_secrets(exchange.asked.model(), exchange.provider->key_forms());
    if (exchange.answer) {
        tell_tokens(exchange);
        tell(counts, *exchange.answer, exchange.provider->key_forms(), *exchange.session, exchange.retry_at);
    }
    broker_.sessions().ended(exchange.session, counts);
    session_.reset();
}

}  // namespace capsule::broker
