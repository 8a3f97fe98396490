#include "daemon/broker/authorities.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <new>
#include <system_error>

#include "protocol/errors.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule::broker {
namespace {

constexpr const char* whole_or_not_at_all =
    "put it in whole, with its BEGIN and its END at the start of a line each, or take it out";

struct FreeBio {
    void operator()(BIO* bio) const noexcept { ::BIO_free(bio); }
};
struct FreeCertificate {
    void operator()(X509* certificate) const noexcept { ::X509_free(certificate); }
};

Failure wrong(std::string what, const char* cure) {
    return Failure({ErrorCode::config_conflict, std::move(what), cure});
}

constexpr std::string_view begin_line = "-----BEGIN ", end_line = "-----END ";

/// The first line from `from` on that begins or ends a certificate.
std::size_t find_line(std::string_view pem, std::string_view which, std::size_t from) {
    for (std::size_t at = pem.find(which, from); at != pem.npos; at = pem.find(which, at + which.size())) {
        const std::string_view label = pem.substr(at + which.size());
        for (const std::string_view one : {"CERTIFICATE-----", "X509 CERTIFICATE-----", "TRUSTED CERTIFICATE-----"})
            if (label.starts_with(one)) return at;
    }
    return pem.npos;
}

std::size_t count_lines(std::string_view pem, std::string_view which) {
    std::size_t count = 0;
    for (std::size_t at = find_line(pem, which, 0); at != pem.npos; at = find_line(pem, which, at + which.size()))
        ++count;
    return count;
}

std::string line_of(std::string_view pem, std::size_t at) {
    return std::to_string(1 + std::ranges::count(pem.substr(0, at), '\n'));
}

}  // namespace

std::string read_authorities(int descriptor) {
    const UniqueFd file(descriptor);
    std::string text;
    std::array<char, 16 * 1024> piece{};
    for (;;) {
        const ssize_t got = ::pread(file.get(), piece.data(), piece.size(), static_cast<off_t>(text.size()));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            throw Failure({ErrorCode::io_error,
                           "the authorities cannot be read: " + std::generic_category().message(errno),
                           "capsuled hands them over; capsule-broker is not started by hand"});
        if (got == 0) return text;
        text.append(piece.data(), static_cast<std::size_t>(got));
    }
}

void add_authorities(std::string_view pem, X509_STORE* store) {
    const std::unique_ptr<BIO, FreeBio> text(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    if (!text) throw std::bad_alloc();
    std::size_t added = 0;
    for (;; ++added) {
        const std::size_t from = pem.size() - ::BIO_ctrl_pending(text.get());
        const std::unique_ptr<X509, FreeCertificate> one(
            ::PEM_read_bio_X509_AUX(text.get(), nullptr, nullptr, nullptr));
        if (one && ::X509_STORE_add_cert(store, one.get()) == 1) continue;
        const bool at_the_end = !one && ERR_GET_REASON(::ERR_peek_last_error()) == PEM_R_NO_START_LINE;
        ::ERR_clear_error();
        if (at_the_end) break;
        const std::size_t begins = std::min(find_line(pem, begin_line, from), pem.size());
        throw wrong("the certificate that begins in line " + line_of(pem, begins) + " cannot be read",
                    whole_or_not_at_all);
    }
    // What OpenSSL does not take for a beginning it passes over without a word, and with it the certificate.
    const std::size_t begin = count_lines(pem, begin_line), end = count_lines(pem, end_line);
    if (added != begin || added != end)
        throw wrong("a certificate is torn: " + std::to_string(begin) + " begin and " + std::to_string(end) +
                        " end in it, and " + std::to_string(added) + " can be read",
                    whole_or_not_at_all);
    if (added == 0)
        throw wrong("no certificate (-----BEGIN CERTIFICATE-----) is in it",
                    "name a PEM file with the certificates of the authorities to trust");
}

}  // namespace capsule::broker
