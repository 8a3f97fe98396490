#include "daemon/broker/tls_handshake.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <time.h>

#include <array>
#include <utility>

namespace capsule::broker {
namespace {

/// "2026-11-26"
std::string today() {
    const time_t now = ::time(nullptr);
    tm parts{};
    ::gmtime_r(&now, &parts);
    std::array<char, 16> text{};
    return {text.data(), ::strftime(text.data(), text.size(), "%Y-%m-%d", &parts)};
}

std::string why_tls_failed(SSL* ssl) {
    if (const long verdict = ::SSL_get_verify_result(ssl); verdict != X509_V_OK) {
        const std::string why = std::string("its certificate: ") + ::X509_verify_cert_error_string(verdict);
        const bool is_of_another_time =
            verdict == X509_V_ERR_CERT_HAS_EXPIRED || verdict == X509_V_ERR_CERT_NOT_YET_VALID;
        return is_of_another_time ? why + "; by this machine's clock it is " + today() : why;
    }
    const unsigned long error = ::ERR_peek_last_error();
    const char* reason = error == 0 ? nullptr : ::ERR_reason_error_string(error);
    return reason == nullptr ? "it closed the connection" : reason;
}

}  // namespace

TlsHandshake::TlsHandshake(Ssl ssl) : ssl_(std::move(ssl)) {
    BIO *const from = ::BIO_new(::BIO_s_mem()), *const to = ::BIO_new(::BIO_s_mem());
    ::SSL_set_bio(ssl_.get(), from, to);
}

void TlsHandshake::step() {
    BIO *const from = ::SSL_get_rbio(ssl_.get()), *const to = ::SSL_get_wbio(ssl_.get());
    ::ERR_clear_error();
    std::size_t count = 0;
    if (from == nullptr || to == nullptr || (!in.empty() && ::BIO_write_ex(from, in.data(), in.size(), &count) != 1)) {
        is = Is::failed;
        why = "there is no memory for it";
        return;
    }
    in.clear();
    const int result = ::SSL_connect(ssl_.get());
    const bool waits = result != 1 && ::SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ;
    is = result == 1 ? Is::done : waits ? Is::wants_more : Is::failed;
    if (is == Is::failed) why = why_tls_failed(ssl_.get());
    const auto take_all = [](BIO* from_where, std::string& to_where) {
        char* bytes = nullptr;
        const long size = BIO_get_mem_data(from_where, &bytes);
        if (size > 0) to_where.append(bytes, static_cast<std::size_t>(size));
        BIO_reset(from_where);
    };
    take_all(to, out);
    if (is == Is::done) take_all(from, in);
}

Ssl TlsHandshake::take() {
    ::SSL_set_msg_callback(ssl_.get(), nullptr);  // it is for what comes before
    return std::move(ssl_);
}

}  // namespace capsule::broker
