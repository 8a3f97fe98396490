// A descriptor that never blocks, and what is known of it: whether a read or a write can be worth a system call.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "daemon/broker/loop.hpp"

namespace capsule::broker {

/// Whoever closes it: the kernel does when this process ends.
void close_by_reset(int socket) noexcept;

/// By errno, of a call that makes one.
bool no_descriptor_is_left() noexcept;

/// How a read or a write went.
struct Io {
    enum class Is {
        done,
        wants_read,   ///< nothing yet: wait until there is something to read
        wants_write,  ///< wait until it can be written
        ended,        ///< the other side has ended it properly
        failed,
    };
    Is is = Is::failed;
    std::size_t bytes = 0;

    bool waits() const noexcept { return is == Is::wants_read || is == Is::wants_write; }
};

/// The kernel is told of it once, and tells of each change (edge-triggered): a read that got less than there was room
/// for has got all there is, and nobody asks again before the kernel has told of more. One coroutine may wait for
/// either direction.
class Descriptor {
  public:
    /// It is closed at once when the kernel has no room to watch it.
    Descriptor(Loop& loop, UniqueFd own);
    virtual ~Descriptor() { close(); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;

    bool is_open() const noexcept { return static_cast<bool>(own_); }
    int native() const noexcept { return own_.get(); }
    Loop& loop() const noexcept { return loop_; }
    /// Whose time the waits for it take from now on.
    void belongs_to(Owner owner) noexcept { owner_ = owner; }

    /// Until something may have come, or may be written. Gives false when it was closed, or the wait was ended.
    Wait readable() noexcept {
        return {loop_, reader_, may_read_ || !own_, static_cast<bool>(own_), owner_, std::exchange(tired_, false)};
    }
    Wait writable() noexcept { return {loop_, writer_, may_write_ || !own_, static_cast<bool>(own_), owner_}; }
    Wait ready_for(Io::Is what) noexcept { return what == Io::Is::wants_write ? writable() : readable(); }
    void end_wait_to_read() { Wait::end(reader_, false); }

    /// Of a socket. They never wait, and without a system call where there is nothing to gain from one.
    Io receive(std::span<char> room) noexcept;
    Io send(std::string_view bytes) noexcept;
    /// Whether something has come, which stays there.
    Io peek() noexcept;

    /// A call of another kind found nothing, or will: waits begin anew.
    void nothing_to_read() noexcept { may_read_ = false; }
    void cannot_write_yet() noexcept { may_write_ = false; }
    bool may_have_something() const noexcept { return may_read_; }

    /// At once, whoever waits: their waits give false.
    void close();
    /// What the other side has not taken is thrown away, too.
    void reset();

  protected:
    bool tired_ = false;  ///< there is more to read, after others have had their turn

  private:
    friend Loop;
    void told(std::uint32_t events);
    Io of_errno(Io::Is wants) noexcept;

    Loop& loop_;
    UniqueFd own_;
    Wait *reader_ = nullptr, *writer_ = nullptr;
    Owner owner_ = 0;
    bool may_read_ = false, may_write_ = true;
    bool ending_ = false;  ///< the other side has ended it, or broken it: there is always that to read
};

}  // namespace capsule::broker
