#include "daemon/broker/descriptor.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

namespace capsule::broker {

void close_by_reset(int socket) noexcept {
    const linger at_once{1, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

bool no_descriptor_is_left() noexcept {
    return errno == EMFILE || errno == ENFILE;
}

Descriptor::Descriptor(Loop& loop, UniqueFd own) : loop_(loop), own_(std::move(own)) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = this;
    if (::epoll_ctl(loop_.epoll_.get(), EPOLL_CTL_ADD, own_.get(), &event) != 0) own_ = UniqueFd();
}

void Descriptor::told(std::uint32_t events) {
    constexpr std::uint32_t over = EPOLLERR | EPOLLHUP | EPOLLRDHUP;
    ending_ = ending_ || (events & over) != 0;
    if ((events & (EPOLLIN | over)) != 0) {
        may_read_ = true;
        Wait::end(reader_, true);
    }
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
        may_write_ = true;
        Wait::end(writer_, true);
    }
}

Io Descriptor::of_errno(Io::Is wants) noexcept {
    if (errno == EINTR) return {wants, 0};  // which is still possible, and so not waited for
    if (errno != EAGAIN && errno != EWOULDBLOCK) return {};
    (wants == Io::Is::wants_write ? may_write_ : may_read_) = false;
    return {wants, 0};
}

Io Descriptor::receive(std::span<char> room) noexcept {
    if (!own_) return {};
    if (!may_read_) return {Io::Is::wants_read, 0};
    const ssize_t got = ::recv(own_.get(), room.data(), room.size(), 0);
    if (got < 0) return of_errno(Io::Is::wants_read);
    if (got == 0) return {Io::Is::ended, 0};
    may_read_ = ending_ || static_cast<std::size_t>(got) == room.size();
    return {Io::Is::done, static_cast<std::size_t>(got)};
}

Io Descriptor::send(std::string_view bytes) noexcept {
    if (!own_) return {};
    if (!may_write_) return {Io::Is::wants_write, 0};
    const ssize_t sent = ::send(own_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return sent < 0 ? of_errno(Io::Is::wants_write) : Io{Io::Is::done, static_cast<std::size_t>(sent)};
}

Io Descriptor::peek() noexcept {
    char byte = 0;
    if (!own_) return {};
    const ssize_t got = ::recv(own_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0) return of_errno(Io::Is::wants_read);
    return got == 0 ? Io{Io::Is::ended, 0} : Io{Io::Is::done, 1};
}

void Descriptor::reset() {
    close_by_reset(own_.get());
    close();
}

void Descriptor::close() {
    own_ = UniqueFd();
    Wait::end(reader_, false);
    Wait::end(writer_, false);
}

}  // namespace capsule::broker
