#include "daemon/broker/tls_handshake.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <functional>
#include <thread>

namespace capsule::broker {
namespace {

using namespace std::chrono_literals;

using Context = std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)>;

/// A server with a certificate of its own making.
Context server_context() {
    Context context(::SSL_CTX_new(::TLS_server_method()), ::SSL_CTX_free);
    const std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)> pair(::EVP_EC_gen("P-256"), ::EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&::X509_free)> certificate(::X509_new(), ::X509_free);
    ::X509_gmtime_adj(::X509_getm_notBefore(certificate.get()), 0);
    ::X509_gmtime_adj(::X509_getm_notAfter(certificate.get()), 3600);
    ::X509_set_pubkey(certificate.get(), pair.get());
    ::X509_sign(certificate.get(), pair.get(), ::EVP_sha256());
    ::SSL_CTX_use_certificate(context.get(), certificate.get());
    ::SSL_CTX_use_PrivateKey(context.get(), pair.get());
    return context;
}

/// A stream of TLS with a server at its other end.
class BrokerStream : public ::testing::Test {
  protected:
    BrokerStream() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
        const int large = 1024 * 1024;
        ::setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &large, sizeof large);
        ::ioctl(ends[0], FIONBIO, &large);
        far_ = UniqueFd(ends[1]);
        stream_ = std::make_unique<Stream>(loop_, UniqueFd(ends[0]));
        server_.reset(::SSL_new(server_context_.get()));
        ::SSL_set_fd(server_.get(), far_.get());
        std::thread accepts([this] { EXPECT_EQ(::SSL_accept(server_.get()), 1); });
        shake_hands();
        accepts.join();
        too_late_.start(20s, [this] { loop_.stop(); });
    }
    void shake_hands() {
        TlsHandshake tls(Ssl(::SSL_new(client_context_.get())));
        std::array<char, 4096> room{};
        for (tls.step(); tls.is == TlsHandshake::Is::wants_more; tls.step()) {
            ASSERT_GE(::send(stream_->native(), tls.out.data(), tls.out.size(), 0), 0);
            tls.out.clear();
            pollfd answer{stream_->native(), POLLIN, 0};
            ASSERT_EQ(::poll(&answer, 1, 20'000), 1);
            const ssize_t count = ::recv(stream_->native(), room.data(), room.size(), 0);
            ASSERT_GT(count, 0);
            tls.in.assign(room.data(), static_cast<std::size_t>(count));
        }
        ASSERT_EQ(tls.why, "");
        ASSERT_GE(::send(stream_->native(), tls.out.data(), tls.out.size(), 0), 0);
        Ssl made = tls.take();
        client_ = made.get();
        ASSERT_TRUE(stream_->begin_tls(std::move(made), std::move(tls.in)));
    }
    /// What `writes` makes the server write, at once.
    void send_together(const std::function<void(BIO*)>& writes) {
        BIO* const records = ::BIO_new(::BIO_s_mem());
        ::SSL_set0_wbio(server_.get(), records);
        writes(records);
        char* begin = nullptr;
        const long all = ::BIO_ctrl(records, BIO_CTRL_INFO, 0, &begin);
        ASSERT_EQ(::send(far_.get(), begin, static_cast<std::size_t>(all), MSG_DONTWAIT), all);
    }
    void write_key_update(int kind = SSL_KEY_UPDATE_NOT_REQUESTED) {
        ASSERT_EQ(::SSL_key_update(server_.get(), kind), 1);
        ASSERT_EQ(::SSL_do_handshake(server_.get()), 1);
    }
    void write_data(std::string_view bytes = "x") {
        ASSERT_EQ(::SSL_write(server_.get(), bytes.data(), static_cast<int>(bytes.size())),
                  static_cast<int>(bytes.size()));
    }
    /// Reads until there are so many bytes more, or it fails; this the server writes at once, time after time.
    Io::Is read_up_to(std::size_t bytes, const std::function<void(BIO*)>& writes, int times = 1) {
        SSL_set_read_ahead(client_, 1);  // as the broker does
        Io io;
        const auto read = [&]() -> Task<void> {
            std::array<char, 4096> room{};
            for (int time = 0; time < times && (time == 0 || io.is == Io::Is::done); ++time) {
                send_together(writes);
                for (std::size_t got = 0; got < bytes; got += io.bytes) {
                    io = stream_->try_read(room);
                    if (io.is == Io::Is::failed) break;
                    if (io.waits()) co_await stream_->ready_for(io.is);
                }
            }
            loop_.stop();
        };
        loop_.spawn(read());
        loop_.run();
        return io.is;
    }
    /// What the read after the one that gives "x" says.
    Io::Is read_behind() {
        SSL_set_read_ahead(client_, 1);  // as the broker does: all is taken in with the first read
        Io::Is behind = Io::Is::done;
        const auto read = [&]() -> Task<void> {
            std::array<char, 64> room{};
            for (Io io = stream_->try_read(room); io.is != Io::Is::done; io = stream_->try_read(room))
                co_await stream_->readable();
            behind = stream_->try_read(room).is;
            loop_.stop();
        };
        loop_.spawn(read());
        loop_.run();
        return behind;
    }
    int left_in_the_socket() const {
        int bytes = 0;
        ::ioctl(stream_->native(), FIONREAD, &bytes);
        return bytes;
    }

    /// How many records of new keys have come from the stream.
    int answered() const {
        constexpr int size_of_one = 27;
        int bytes = 0;
        ::ioctl(far_.get(), FIONREAD, &bytes);
        return bytes / size_of_one;
    }

    Loop loop_;
    Timer too_late_{loop_};
    Context server_context_ = server_context();
    Context client_context_{::SSL_CTX_new(::TLS_client_method()), ::SSL_CTX_free};
    UniqueFd far_;
    Ssl server_;
    std::unique_ptr<Stream> stream_;
    SSL* client_ = nullptr;  ///< the stream's
};

TEST_F(BrokerStream, AnIdleOneIsLookedAtBriefly) {
    send_together([this](BIO*) {
        for (int i = 0; i < 60'000 / 23; ++i)
            write_key_update();
    });
    const auto look = [&]() -> Task<void> {
        co_await stream_->readable();
        EXPECT_FALSE(stream_->is_still_good());
        EXPECT_GT(left_in_the_socket(), 50'000);
        loop_.stop();
    };
    loop_.spawn(look());
    loop_.run();
}

TEST_F(BrokerStream, RecordsThatCarryLittleAreNotReadWithoutEnd) {
    constexpr std::size_t records = 7000;
    send_together([this](BIO*) {
        for (std::size_t i = 0; i < records; ++i)
            write_data();
    });
    std::array<char, 16 * 1024> room{};
    std::size_t steps = 0, got = 0;
    const auto read = [&]() -> Task<void> {
        co_await stream_->readable();
        while (got < records) {
            const Io io = stream_->try_read(room);
            ++steps;
            got += io.bytes;
            if (steps == 1) {
                EXPECT_GT(left_in_the_socket(), 50'000);
                EXPECT_FALSE(stream_->readable().await_ready()) << "others have their turn first";
                EXPECT_TRUE(stream_->readable().await_ready());
            }
            if (io.waits()) co_await stream_->ready_for(io.is);
            if (io.is == Io::Is::failed) break;
        }
        loop_.stop();
    };
    loop_.spawn(read());
    loop_.run();
    EXPECT_EQ(got, records);
    EXPECT_GE(steps, 2U);
}

TEST_F(BrokerStream, NewKeysWithoutEndEndIt) {
    const auto writes = [this](BIO*) {
        for (int i = 0; i < 3000; ++i)
            write_key_update(SSL_KEY_UPDATE_REQUESTED);
    };
    EXPECT_EQ(read_up_to(1, writes), Io::Is::failed);
    EXPECT_TRUE(stream_->is_flooded());
    EXPECT_LE(answered(), 40);
}

TEST_F(BrokerStream, SoTheyDoWithALittleDataAmongThem) {
    const auto writes = [this](BIO*) {
        for (int i = 0; i < 3000; ++i) {
            write_key_update(SSL_KEY_UPDATE_REQUESTED);
            write_data();
        }
    };
    EXPECT_EQ(read_up_to(3000, writes), Io::Is::failed);
    EXPECT_TRUE(stream_->is_flooded());
    EXPECT_LE(answered(), 40);
}

TEST_F(BrokerStream, TicketsWithoutEndEndIt) {
    const auto writes = [this](BIO*) {
        for (int i = 0; i < 100; ++i) {
            ASSERT_EQ(::SSL_new_session_ticket(server_.get()), 1);
            ASSERT_EQ(::SSL_do_handshake(server_.get()), 1);
        }
        write_data();
    };
    EXPECT_EQ(read_up_to(1, writes), Io::Is::failed);
    EXPECT_TRUE(stream_->is_flooded());
}

TEST_F(BrokerStream, NewKeysNowAndThenAreTaken) {
    const std::string data(16 * 1024, 'x');
    const auto writes = [&](BIO*) {
        write_key_update(SSL_KEY_UPDATE_REQUESTED);
        for (int part = 0; part < 4; ++part)
            write_data(data);
    };
    EXPECT_EQ(read_up_to(4 * data.size(), writes, 100), Io::Is::done);
    EXPECT_FALSE(stream_->is_flooded());
    EXPECT_GT(answered(), 90);
}

TEST_F(BrokerStream, AnEndBehindTheLastBytesIsToldByTheNextRead) {
    send_together([this](BIO*) {
        write_data();
        ::SSL_shutdown(server_.get());
    });
    EXPECT_EQ(read_behind(), Io::Is::ended);
}

TEST_F(BrokerStream, AFailureBehindTheLastBytesIsToldByTheNextRead) {
    send_together([this](BIO* records) {
        write_data();
        ::BIO_write(records, "no record of TLS", 16);
    });
    EXPECT_EQ(read_behind(), Io::Is::failed);
}

TEST_F(BrokerStream, WithoutMoreTheNextReadWaits) {
    send_together([this](BIO*) { write_data(); });
    EXPECT_EQ(read_behind(), Io::Is::wants_read);
}

}  // namespace
}  // namespace capsule::broker
