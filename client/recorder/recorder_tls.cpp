#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/ssl.hpp>

#include "client/recorder/recorder_impl.hpp"

namespace capsule {

namespace asio = boost::asio;
namespace ssl = asio::ssl;

namespace {

std::string server_name(SSL* connection) {
    const char* name = SSL_get_servername(connection, TLSEXT_NAMETYPE_host_name);
    return name == nullptr ? std::string() : std::string(name);
}

asio::awaitable<void> serve_tls(asio::ip::tcp::socket socket, std::shared_ptr<ssl::context> context,
                                Recorder::Impl& impl) {
    ssl::stream<asio::ip::tcp::socket> stream(std::move(socket), *context);
    co_await stream.async_handshake(ssl::stream_base::server, asio::use_awaitable);
    co_await serve_requests(stream, server_name(stream.native_handle()), impl);
}

}  // namespace

Result<std::unique_ptr<Recorder>> Recorder::start_tls(std::uint16_t port, const std::string& certificate,
                                                      const std::string& private_key) {
    auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
    boost::system::error_code error;
    context->use_certificate_chain(asio::buffer(certificate), error);
    if (!error) context->use_private_key(asio::buffer(private_key), ssl::context::pem, error);
    if (error) {
        return Error{ErrorCode::io_error, "cannot use this certificate or its key: " + error.message(),
                     "give a certificate chain and its private key as PEM texts"};
    }
    return start(std::make_unique<Impl>([context](Impl::Socket socket, Impl& impl) {
                     return serve_tls(std::move(socket), context, impl);
                 }),
                 port);
}

}  // namespace capsule
