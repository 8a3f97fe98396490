#include "daemon/broker/stream.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace capsule::broker {
namespace {

/// What a step takes of the socket: a full scratch buffer's records, and what is around them.
constexpr std::size_t most_taken = 80 * 1024;
/// Of a connection that is kept: some tickets.
constexpr std::size_t most_while_idle = 4 * 1024;

/// A message of TLS behind the handshake takes few bytes and much time: for new keys (KeyUpdate), which may want an
/// answer, some thirty microseconds. A server sends a few tickets at the beginning, and new keys once in many
/// megabytes. So each message owes so many bytes of data. Data that arrives pays for them. A stream that owes more than
/// the bound has failed.
constexpr std::uint64_t data_for_message = 64 * 1024, most_owed = 32 * data_for_message;

/// SSL_get_error() looks at them. Clearing sixteen places takes as long as a small record does.
void forget_errors() {
    if (::ERR_peek_error() != 0) ::ERR_clear_error();
}

Stream& of(BIO* bio) {
    return *static_cast<Stream*>(::BIO_get_data(bio));
}

/// What OpenSSL reads and writes through, in place of its own way to a socket: which would ask the kernel whether or
/// not it has told of something.
int bio_read(BIO* bio, char* room, int size) {
    BIO_clear_retry_flags(bio);
    const Io io = of(bio).receive_for_tls({room, static_cast<std::size_t>(size)});
    if (io.waits()) BIO_set_retry_read(bio);
    if (io.is == Io::Is::ended) ::BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return io.is == Io::Is::done ? static_cast<int>(io.bytes) : io.is == Io::Is::ended ? 0 : -1;
}

int bio_write(BIO* bio, const char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    const Io io = of(bio).send({bytes, static_cast<std::size_t>(size)});
    if (io.waits()) BIO_set_retry_write(bio);
    return io.is == Io::Is::done ? static_cast<int>(io.bytes) : -1;
}

long bio_control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_EOF) return ::BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

void count_message(int sent, int, int kind, const void* message, std::size_t size, SSL*, void* stream) {
    constexpr std::size_t message_head = 4;
    if (sent != 0 || kind != SSL3_RT_HANDSHAKE || static_cast<Stream*>(stream)->takes_message()) return;
    // OpenSSL calls this before it reads the message, and has no other way to say no. No message is sound so.
    if (size > message_head)
        ::memset(static_cast<char*>(const_cast<void*>(message)) + message_head, 0xff, size - message_head);
}

const BIO_METHOD* bio_of_streams() {
    static const BIO_METHOD* const method = [] {
        BIO_METHOD* made = ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
        if (made == nullptr || ::BIO_meth_set_read(made, bio_read) != 1 || ::BIO_meth_set_write(made, bio_write) != 1 ||
            ::BIO_meth_set_ctrl(made, bio_control) != 1)
            return static_cast<BIO_METHOD*>(nullptr);
        return made;
    }();
    return method;
}

}  // namespace

Stream::Stream(Loop& loop, UniqueFd own) : Descriptor(loop, std::move(own)) {
    // The kernel would keep some megabytes of each, either way (net.ipv4.tcp_rmem, tcp_wmem). This is enough for 1 MB/s
    // from and to a provider that is 200 ms away.
    const int kept = 256 * 1024;
    for (const int way : {SO_RCVBUF, SO_SNDBUF})
        ::setsockopt(native(), SOL_SOCKET, way, &kept, sizeof kept);
    const int at_once = 1;
    ::setsockopt(native(), IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
}

bool Stream::begin_tls(Ssl ssl, std::string early) {
    BIO* const bio = bio_of_streams() != nullptr ? ::BIO_new(bio_of_streams()) : nullptr;
    if (bio == nullptr) return false;
    ::BIO_set_data(bio, this);
    ::BIO_set_init(bio, 1);
    ::SSL_set_bio(ssl.get(), bio, bio);
    ::SSL_set_msg_callback(ssl.get(), count_message);
    SSL_set_msg_callback_arg(ssl.get(), this);
    ssl_ = std::move(ssl);
    if (!early.empty()) early_ = std::move(early);  // else its room would stay for as long as the connection does
    return true;
}

Io Stream::outcome(int result) {
    switch (::SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_READ:
            return {Io::Is::wants_read, 0};
        case SSL_ERROR_WANT_WRITE:
            return {Io::Is::wants_write, 0};
        case SSL_ERROR_ZERO_RETURN:
            return {Io::Is::ended, 0};
        default:
            return {Io::Is::failed, 0};
    }
}

bool Stream::takes_message() noexcept {
    owed_ += data_for_message;
    return !is_flooded();
}

bool Stream::is_flooded() const noexcept {
    return owed_ > most_owed;
}

Io Stream::receive_for_tls(std::span<char> room) {
    if (is_flooded()) return {};  // of a message without a body nothing can be made unsound
    if (!early_.empty()) {
        const std::size_t size = early_.copy(room.data(), room.size());
        early_.erase(0, size);
        if (early_.empty()) std::string().swap(early_);
        return {Io::Is::done, size};
    }
    if (taken_ >= may_take_) {
        tired_ = true;
        return {Io::Is::wants_read, 0};
    }
    const Io io = receive(room.first(std::min(room.size(), may_take_ - taken_)));
    taken_ += io.bytes;
    return io;
}

/// Whether a read can give anything: the kernel has something, or TLS has taken it in already.
bool Stream::has_something() const noexcept {
    return may_have_something() || !early_.empty() || (ssl_ && ::SSL_has_pending(ssl_.get()) != 0);
}

Io Stream::try_read(std::span<char> room) {
    may_take_ = most_taken;
    return read(room);
}

Io Stream::read(std::span<char> room) {
    if (!is_open()) return {};
    tired_ = false;
    if (!ssl_) return receive(room);
    // OpenSSL does half of what it does for a record before it asks whether there is one.
    if (!std::exchange(untold_, false) && !has_something()) return {Io::Is::wants_read, 0};
    taken_ = 0;
    std::size_t total = 0;
    // Record by record, so that what has arrived together is passed on together.
    while (total < room.size()) {
        std::size_t got = 0;
        forget_errors();
        const int result = ::SSL_read_ex(ssl_.get(), room.data() + total, room.size() - total, &got);
        if (result == 1) {
            total += got;
            owed_ -= std::min<std::uint64_t>(owed_, got);
            if (!has_something()) break;
            continue;
        }
        const Io io = total > 0 ? Io{} : outcome(result);
        untold_ = io.is != Io::Is::wants_read;
        if (total > 0) break;  // whatever it is, it comes again
        return io;
    }
    return {Io::Is::done, total};
}

void Stream::begin_with(char first) {
    if (!begun_) begun_ = try_write({&first, 1}).is == Io::Is::done;
}

Io Stream::try_write(std::string_view bytes) {
    if (!is_open()) return {};
    if (!bytes.empty() && std::exchange(begun_, false)) return {Io::Is::done, 1};
    if (!ssl_) return send(bytes);
    std::size_t sent = 0;
    forget_errors();
    const int result = ::SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent);
    return result == 1 ? Io{Io::Is::done, sent} : outcome(result);
}

bool Stream::is_still_good() {
    if (!is_open()) return false;
    if (!may_have_something() && early_.empty()) return !ssl_ || ::SSL_has_pending(ssl_.get()) == 0;
    // What has arrived may be a ticket of TLS, which a read takes in.
    std::array<char, 1> byte{};
    may_take_ = most_while_idle;
    return read(byte).is == Io::Is::wants_read && !tired_;
}

namespace {

Task<bool> write_rest(Stream& stream, std::string rest, Io io) {
    std::string_view left = rest;
    bool good = true;
    while (good && !left.empty()) {
        if (io.waits())
            good = co_await stream.ready_for(io.is);
        else
            good = io.is == Io::Is::done;
        if (!good) break;
        io = stream.try_write(left);
        if (io.is == Io::Is::done) left.remove_prefix(io.bytes);
    }
    ::explicit_bzero(rest.data(), rest.size());  // of a request's head, it has the key
    co_return good;
}

}  // namespace

WriteAll::WriteAll(Stream& stream, std::string_view bytes) {
    const Io io = stream.try_write(bytes);
    good_ = io.is == Io::Is::done && io.bytes == bytes.size();
    if (good_ || io.is == Io::Is::failed) return;
    rest_.emplace(write_rest(stream, std::string(bytes.substr(io.bytes)), io));
}

}  // namespace capsule::broker
