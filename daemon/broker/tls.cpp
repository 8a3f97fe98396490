#include "daemon/broker/tls.hpp"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#include <cstring>
#include <string_view>

#include "daemon/broker/authorities.hpp"
#include "protocol/errors.hpp"

namespace capsule::broker {
namespace {

bool is_address(const std::string& host) {
    in6_addr ignored{};
    return ::inet_pton(AF_INET, host.c_str(), &ignored) == 1 || ::inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

/// SSL_set_tlsext_host_name, whose macro casts as C does.
bool set_name(SSL* ssl, std::string host) {
    return ::SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host.data()) == 1;
}

void require(bool done, const std::string& what, const std::string& hint) {
    if (!done) throw Failure({ErrorCode::config_conflict, what, hint});
}

/// OpenSSL decodes the key of each certificate in the list before it looks at any signature, and a key may bring a
/// curve of its own, on which that takes a third of a second: such a list is emptied, which OpenSSL refuses. No
/// authority signs such keys (RFC 5480, 2.1.1).
void refuse_own_curves(int sent, int, int kind, const void* message, std::size_t size, SSL*, void*) {
    constexpr std::string_view ec_public_key("\x2a\x86\x48\xce\x3d\x02\x01");  // what its OID contains
    constexpr std::size_t message_head = 4;
    const std::string_view bytes(static_cast<const char*>(message), size);
    if (sent != 0 || kind != SSL3_RT_HANDSHAKE || size < message_head || bytes[0] != SSL3_MT_CERTIFICATE) return;
    for (std::size_t at = bytes.find(ec_public_key); at != bytes.npos; at = bytes.find(ec_public_key, at + 1)) {
        const std::size_t parameters = at + ec_public_key.size();
        if (parameters < size && bytes[parameters] == V_ASN1_OBJECT) continue;  // a curve's name
        // OpenSSL calls this before it reads the message, and has no other way to say no.
        std::memset(static_cast<char*>(const_cast<void*>(message)) + message_head, 0, size - message_head);
        return;
    }
}

/// Bytes; those of providers take four to eight thousand. Curves with names cost up to some milliseconds for each.
constexpr long most_certificates = 32 * 1024;

}  // namespace

TlsContext::TlsContext(const std::optional<std::string>& authorities) : context_(::SSL_CTX_new(::TLS_client_method())) {
    SSL_CTX* context = context_.get();
    require(context != nullptr && SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1, "OpenSSL does not start",
            "see whether its configuration is sound");
    if (authorities)
        add_authorities(*authorities, ::SSL_CTX_get_cert_store(context));
    else
        require(::SSL_CTX_set_default_verify_paths(context) == 1, "OpenSSL has no authorities to trust",
                "install ca-certificates, or name a file with certificates as [broker] ca_file");
    // Key agreement over elliptic curves alone: with primes a server chooses how long they are, and those of 10,000
    // bits take a second of the one thread for each connection.
    std::string curves = "X25519:P-256:X448:P-521:P-384";
    require(::SSL_CTX_set_cipher_list(context, "DEFAULT:!kDHE") == 1 &&
                ::SSL_CTX_ctrl(context, SSL_CTRL_SET_GROUPS_LIST, 0, curves.data()) == 1,
            "OpenSSL lacks what TLS needs", "see whether its configuration is sound");
    ::SSL_CTX_set_msg_callback(context, refuse_own_curves);
    SSL_CTX_set_max_cert_list(context, most_certificates);
    ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    ::SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);  // one system call for a record, not two
    ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

std::shared_ptr<TlsHandshake> TlsContext::begin(const BaseUrl& base) const {
    Ssl ssl(::SSL_new(context_.get()));
    if (!ssl) return nullptr;
    constexpr unsigned char http11[] = "\x08http/1.1";
    const bool named = is_address(base.host)
                           ? ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl.get()), base.host.c_str()) == 1
                           : ::SSL_set1_host(ssl.get(), base.host.c_str()) == 1 && set_name(ssl.get(), base.host);
    ::SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (!named || ::SSL_set_alpn_protos(ssl.get(), http11, sizeof http11 - 1) != 0) return nullptr;
    return std::make_shared<TlsHandshake>(std::move(ssl));
}

}  // namespace capsule::broker
