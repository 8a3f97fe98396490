#include "daemon/broker/plan_usage.hpp"

#include <string.h>

#include <array>

#include "capsule_version.hpp"
#include "daemon/broker/body.hpp"
#include "daemon/broker/core/plan_usage_reader.hpp"
#include "daemon/broker/tls_memory.hpp"

namespace capsule::broker {
namespace {

/// From the connection's first byte to the answer's last.
constexpr std::chrono::seconds answer_limit{8};

std::string request_for(const BaseUrl& url, const Secret& key) {
    std::string out = "GET " + (url.path.empty() ? std::string("/") : url.path) +
                      " HTTP/1.1\r\nHost: " + url.authority + "\r\nAuthorization: Bearer ";
    out += key.reveal();
    out += std::string("\r\nAccept: application/json\r\nAccept-Encoding: identity\r\nUser-Agent: capsule-broker/") +
           capsule_version + "\r\nConnection: close\r\n\r\n";
    return out;
}

struct Answered {
    int status = 0;
    std::string body;
    std::string error;
};

/// Until the answer is whole, or longer than anybody reads.
Task<Answered> read_answer(Stream& stream) {
    Answered out;
    std::string got;
    std::size_t seen = 0;  // of it: no whole head
    std::optional<Body> body;
    std::array<char, 4096> room;
    for (;;) {
        const Io io = stream.try_read(room);
        if (io.waits()) {
            const bool came = co_await stream.ready_for(io.is);
            if (came) continue;
            out.error = "the provider did not answer in time";
            break;
        }
        const std::string_view bytes(room.data(), io.is == Io::Is::done ? io.bytes : 0);
        if (io.is != Io::Is::done) {
            const bool whole = body && io.is == Io::Is::ended && body->ends_with_connection();
            if (!whole) out.error = "the provider closed the connection before its answer was whole";
            break;
        }
        std::string_view of_body = bytes;
        if (!body) {
            got.append(bytes);
            const auto size = head_size(got, seen);
            seen = got.size();
            if (!size && got.size() <= max_head) continue;
            const auto head = size ? read_response_head(std::string_view(got).substr(0, *size), "GET")
                                   : Allowed<ResponseHead>(bad_answer("no head"));
            if (!head || head->status < 200) {
                out.error = "the answer is no sound HTTP";
                break;
            }
            out.status = head->status;
            body.emplace(head->body);
            of_body = std::string_view(got).substr(*size);
        }
        body->take(of_body, [&](std::string_view part) { out.body += part; });
        if (body->bad()) out.error = "the answer is no sound HTTP";
        if (body->done() || body->bad() || out.body.size() > max_usage_answer) break;
    }
    co_return out;
}

UsageAnswer failed(std::string why) {
    UsageAnswer out;
    out.error = std::move(why);
    return out;
}

Task<UsageAnswer> ask(WayOut way, const BaseUrl& url, UsageShape shape, const Secret& key) {
    auto opened = co_await open_upstream(way, url);
    if (!opened) co_return failed(opened.error().message);
    const std::shared_ptr<Stream> stream = *std::move(opened);
    Timer timer(way.loop);
    timer.start(answer_limit, [&] { stream->close(); });
    std::string request = request_for(url, key);
    const bool sent = co_await write_all(*stream, request);
    ::explicit_bzero(request.data(), request.size());
    Answered answered;
    if (sent)
        answered = co_await read_answer(*stream);
    else
        answered.error = "the provider closed the connection";
    stream->close();
    if (!answered.error.empty()) co_return failed(answered.error);
    co_return read_usage(shape, answered.status, answered.body);
}

}  // namespace

Task<UsageAnswer> ask_usage(WayOut way, AskUsage question) {
    const Secret key(question.key);
    ::explicit_bzero(question.key.data(), question.key.size());
    const auto url = parse_base_url(question.url);
    const auto shape = usage_shape_named(question.shape);
    UsageAnswer out;
    if (!url)
        out = failed(url.error().message);
    else if (!shape)
        out = failed("this capsule-broker knows no answer of that shape");
    else
        out = co_await ask(way, *url, *shape, key);
    wipe_tls_buffers_at_hand();  // the answer may have repeated the key
    out.id = question.id;
    co_return out;
}

}  // namespace capsule::broker
