// The recorder's inside, shared by its plain and its TLS part. Includes Asio.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "client/recorder/recorded_request.hpp"
#include "client/recorder/recorder.hpp"
#include "client/recorder/reply.hpp"

namespace capsule {

struct Recorder::Impl {
    using Socket = boost::asio::ip::tcp::socket;

    /// Serves one connection until it ends; errors end it.
    using Serve = std::function<boost::asio::awaitable<void>(Socket, Impl&)>;

    explicit Impl(Serve serve) : serve_connection(std::move(serve)) {}

    void add(RecordedRequest request) {
        const std::lock_guard lock(mutex);
        requests.push_back(std::move(request));
    }

    Serve serve_connection;
    boost::asio::io_context context{1};
    boost::asio::ip::tcp::acceptor acceptor{context};
    std::uint16_t port = 0;
    mutable std::mutex mutex;
    std::vector<RecordedRequest> requests;
    std::thread thread;
};

using HttpRequest = boost::beast::http::request<boost::beast::http::string_body>;
using HttpResponse = boost::beast::http::response<boost::beast::http::string_body>;

RecordedRequest recorded(HttpRequest&& request, std::string sni);
HttpResponse http_response(const Reply& reply, const HttpRequest& request);

/// Request by request, until the client closes.
template <class Stream>
boost::asio::awaitable<void> serve_requests(Stream& stream, std::string sni, Recorder::Impl& impl) {
    namespace http = boost::beast::http;
    constexpr std::uint64_t body_limit = 64 * 1024 * 1024;  // whole conversations with images fit
    boost::beast::flat_buffer buffer;
    for (bool keep_alive = true; keep_alive;) {
        http::request_parser<http::string_body> parser;
        parser.body_limit(body_limit);
        co_await http::async_read_header(stream, buffer, parser, boost::asio::use_awaitable);
        if (boost::beast::iequals(parser.get()[http::field::expect], "100-continue")) {
            http::response<http::empty_body> proceed(http::status::continue_, 11);
            co_await http::async_write(stream, proceed, boost::asio::use_awaitable);
        }
        co_await http::async_read(stream, buffer, parser, boost::asio::use_awaitable);
        HttpRequest request = parser.release();
        keep_alive = request.keep_alive();
        HttpRequest head(request.base());
        RecordedRequest record = recorded(std::move(request), sni);
        HttpResponse response = http_response(reply_to(record), head);
        impl.add(std::move(record));
        co_await http::async_write(stream, response, boost::asio::use_awaitable);
    }
}

}  // namespace capsule
