// What of an answer goes on to the agent: as it came, or without the key.
#include "daemon/broker/exchange.hpp"

namespace capsule::broker {

/// What goes on of `bytes`, of which the mask has not let anything through. `before`: the body as they came; `payload`
/// becomes what they carry. A chunk that had gone on in part before the mask was needed keeps its length.
std::string Connection::masked(Exchange& exchange, Body before, std::string_view bytes, bool was_on,
                               std::string& payload) {
    std::optional<std::size_t> begin;
    Body(before).take(bytes, [&](std::string_view part) {
        if (!begin) begin = static_cast<std::size_t>(part.data() - bytes.data());
        payload += exchange.mask->feed(part);
    });
    if (exchange.received.done()) payload += exchange.mask->finish();
    if (!exchange.received.is_chunked()) return payload;
    std::string out;
    if (!was_on) {
        out = bytes.substr(0, begin.value_or(0));
        before.take(out, [](std::string_view) {});
        exchange.frames = ChunkFrames(before.left_in_chunk());
    }
    return out + exchange.frames.of(payload, exchange.received.done());
}

/// Hands `out`, and what of `bytes` is the answer's, to the agent. One whose status says nothing of an error is read
/// before, as some errors have a status of 200: from the piece on that may say so it goes through the mask.
WriteAll Connection::pass_on(Exchange& exchange, std::string_view bytes, std::string out) {
    const Body before = exchange.received;
    const bool was_on = exchange.mask != nullptr, by_status = exchange.head.status >= 300;
    const std::size_t taken = exchange.received.take(bytes, [&](std::string_view part) {
        if (!by_status) exchange.answer->feed(part);
    });
    if (!was_on && exchange.answer->may_be_error())
        exchange.mask = std::make_unique<KeyMask>(exchange.provider->key_forms());
    exchange.counts.bytes_down += taken;
    limit(Bound::client, client_ms_);
    std::string payload;  // of an answer that is masked: what may go out
    if (exchange.mask)
        out += masked(exchange, before, bytes.substr(0, taken), was_on, payload);
    else if (!out.empty())
        out.append(bytes.substr(0, taken));
    const std::string_view next = exchange.mask || !out.empty() ? std::string_view(out) : bytes.substr(0, taken);
    WriteAll passing = exchange.received.bad() ? WriteAll() : write_all(client_, next);
    if (by_status) exchange.answer->feed(payload);
    tell_tokens(exchange);
    return passing;
}

/// While a stream runs: its numbers only rise.
void Connection::tell_tokens(Exchange& exchange) {
    const Usage now = exchange.answer->usage();
    if (now == exchange.told) return;
    const Usage& told = exchange.told;
    broker_.sessions().spent(exchange.session,
                             {now.input - told.input, now.output - told.output, now.cached - told.cached});
    exchange.told = now;
}

}  // namespace capsule::broker
