#include "daemon/broker/authorities.hpp"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>

#include "protocol/errors.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule::broker {
namespace {

std::string certificate(long serial) {
    const std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)> pair(::EVP_EC_gen("P-256"), ::EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&::X509_free)> made(::X509_new(), ::X509_free);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(made.get()), serial);
    ::X509_gmtime_adj(::X509_getm_notBefore(made.get()), 0);
    ::X509_gmtime_adj(::X509_getm_notAfter(made.get()), 3600);
    ::X509_set_pubkey(made.get(), pair.get());
    ::X509_sign(made.get(), pair.get(), ::EVP_sha256());
    const std::unique_ptr<BIO, decltype(&::BIO_free)> text(::BIO_new(::BIO_s_mem()), ::BIO_free);
    ::PEM_write_bio_X509(text.get(), made.get());
    std::string out(::BIO_ctrl_pending(text.get()), '\0');
    ::BIO_read(text.get(), out.data(), static_cast<int>(out.size()));
    return out;
}

/// How many were added, or what is wrong.
std::string add(const std::string& pem) {
    const std::unique_ptr<X509_STORE, decltype(&::X509_STORE_free)> store(::X509_STORE_new(), ::X509_STORE_free);
    try {
        add_authorities(pem, store.get());
    } catch (const Failure& failure) {
        EXPECT_FALSE(failure.error().hint.empty());
        return failure.error().message;
    }
    return std::to_string(::sk_X509_OBJECT_num(::X509_STORE_get0_objects(store.get())));
}

class BrokerAuthorities : public testing::Test {
  protected:
    const std::string one = certificate(1), other = certificate(2);
    const std::string key = "-----BEGIN PRIVATE KEY-----\nFAKE\n-----END PRIVATE KEY-----\n";
};

TEST_F(BrokerAuthorities, AreAllOfTheFile) {
    EXPECT_EQ(add(one), "1");
    EXPECT_EQ(add(one + other), "2");
    EXPECT_EQ(add(one + one), "1");
    EXPECT_EQ(add("# K\xf6nig\r\n" + one + key + "\n\nnext:\n" + other.substr(0, other.size() - 1)), "2");
    EXPECT_EQ(add("\xef\xbb\xbf" + one + other), "2") << "a byte order mark";
    EXPECT_EQ(add("\xef\xbb\xbf" + one), "1");
    EXPECT_EQ(add(one + "\xef\xbb\xbf" + other), "2") << "where two files became one";
}

TEST_F(BrokerAuthorities, NoneIsLeftOutWithoutAWord) {
    for (const std::string& none : {std::string(), std::string("\n"), std::string("FAKE"), key})
        EXPECT_EQ(add(none), "no certificate (-----BEGIN CERTIFICATE-----) is in it") << none;
    EXPECT_EQ(
        add(one + "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" + other),
        "the certificate that begins in line " + std::to_string(std::ranges::count(one, '\n') + 1) + " cannot be read");
    EXPECT_EQ(add("\n-----BEGIN TRUSTED CERTIFICATE-----\nRkFL\n-----END TRUSTED CERTIFICATE-----\n"),
              "the certificate that begins in line 2 cannot be read");
    const std::string unread = "a certificate is torn: ";
    EXPECT_EQ(add(one.substr(30) + other), unread + "1 begin and 2 end in it, and 1 can be read");
    EXPECT_EQ(add(one + "  " + other), unread + "2 begin and 2 end in it, and 1 can be read");
    for (const std::string& torn : {one.substr(0, one.size() - 30), one + other.substr(0, 40),
                                    one.substr(0, 40) + other, one.substr(0, 100) + key}) {
        const std::string said = add(torn);
        EXPECT_TRUE(said.find("cannot be read") != said.npos || said.starts_with(unread)) << said << "\n" << torn;
    }
}

TEST_F(BrokerAuthorities, AreReadFromTheirBeginning) {
    const std::string large(100'000, 'x');
    UniqueFd file(::memfd_create("authorities", MFD_CLOEXEC));
    ASSERT_EQ(::write(file.get(), large.data(), large.size()), static_cast<ssize_t>(large.size()));
    EXPECT_EQ(read_authorities(file.release()), large);
    EXPECT_THROW(read_authorities(-1), Failure);
}

}  // namespace
}  // namespace capsule::broker
