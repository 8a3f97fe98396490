#include "client/recorder/recorder.hpp"

#include <fcntl.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "client/recorder/recorder_impl.hpp"

namespace capsule {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

std::string without_port(std::string_view host) {
    const auto colon = host.rfind(':');
    return std::string(colon == std::string_view::npos ? host : host.substr(0, colon));
}

/// Asio leaves descriptors open for the programs that this one starts.
template <class Socket>
void keep_from_children(Socket& socket) {
    ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
}

asio::awaitable<void> serve_plain(tcp::socket socket, Recorder::Impl& impl) {
    co_await serve_requests(socket, "", impl);
}

asio::awaitable<void> accept_connections(Recorder::Impl& impl) {
    for (;;) {
        tcp::socket socket = co_await impl.acceptor.async_accept(asio::use_awaitable);
        keep_from_children(socket);
        // A connection's end is no event of interest: whatever it was about has been recorded.
        asio::co_spawn(impl.context, impl.serve_connection(std::move(socket), impl), [](std::exception_ptr) {});
    }
}

}  // namespace

RecordedRequest recorded(HttpRequest&& request, std::string sni) {
    RecordedRequest record;
    record.sni = std::move(sni);
    record.method = request.method_string();
    record.host = without_port(request[http::field::host]);
    record.target = request.target();
    for (const auto& field : request)
        record.headers.emplace_back(field.name_string(), field.value());
    record.body = std::move(request.body());
    return record;
}

HttpResponse http_response(const Reply& reply, const HttpRequest& request) {
    HttpResponse response(static_cast<http::status>(reply.status), request.version());
    response.set(http::field::content_type, reply.content_type);
    response.keep_alive(request.keep_alive());
    response.body() = reply.body;
    if (reply.content_type == "text/event-stream") {
        response.chunked(request.version() >= 11);
    } else {
        response.prepare_payload();
    }
    return response;
}

Recorder::Recorder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Recorder::~Recorder() {
    impl_->context.stop();
    if (impl_->thread.joinable()) impl_->thread.join();
}

std::uint16_t Recorder::port() const noexcept {
    return impl_->port;
}

std::vector<RecordedRequest> Recorder::requests() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->requests;
}

Result<std::unique_ptr<Recorder>> Recorder::start(std::uint16_t port) {
    return start(std::make_unique<Impl>(serve_plain), port);
}

Result<std::unique_ptr<Recorder>> Recorder::start(std::unique_ptr<Impl> impl, std::uint16_t port) {
    const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
    boost::system::error_code error;
    auto& acceptor = impl->acceptor;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
        return Error{ErrorCode::io_error, "cannot listen on 127.0.0.1:" + std::to_string(port) + ": " + error.message(),
                     "another program may have that port: choose another one, or end that program"};
    }
    keep_from_children(acceptor);
    impl->port = acceptor.local_endpoint().port();
    asio::co_spawn(impl->context, accept_connections(*impl), asio::detached);
    impl->thread = std::thread([&context = impl->context] { context.run(); });
    return std::unique_ptr<Recorder>(new Recorder(std::move(impl)));
}

}  // namespace capsule
