// Connections that asked to be told of what happens. Lives on the I/O thread.
#pragma once

#include <sys/types.h>

#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace capsule {

class Subscribers {
  public:
    /// Sends a notification's text, with its line end, to that connection. It must not wait.
    using Send = std::function<void(std::uint64_t connection, const std::string& line)>;

    /// Who can send: the server, while there is one.
    void send_by(Send send) { send_ = std::move(send); }

    void add(std::uint64_t connection, uid_t uid) { connections_.emplace(connection, uid); }
    /// Nothing where it is none.
    void remove(std::uint64_t connection) { connections_.erase(connection); }

    /// Whether it may wait for notifications without end. So many connections of a user may; the others are cut when
    /// they are idle, so that one user cannot take all places for good.
    bool may_wait(std::uint64_t connection) const;
    static constexpr std::ptrdiff_t may_wait_of_a_user = 8;

    /// So that nobody makes a notification that no one reads.
    bool any() const noexcept { return !connections_.empty(); }

    /// Sends {"jsonrpc":"2.0","method":…,"params":…} to each.
    void tell(std::string_view method, const boost::json::value& params) const;

  private:
    std::map<std::uint64_t, uid_t> connections_;
    Send send_;
};

}  // namespace capsule
