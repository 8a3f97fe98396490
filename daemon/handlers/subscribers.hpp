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

    /// False: its user has most_of_a_user already. An owner may have any number. Each is one more line to write for
    /// everything that happens.
    bool add(std::uint64_t connection, uid_t uid, bool is_owner);
    static constexpr std::ptrdiff_t most_of_a_user = 8;
    /// Nothing where it is none.
    void remove(std::uint64_t connection) { connections_.erase(connection); }

    /// Then it may be idle for any time.
    bool has(std::uint64_t connection) const { return connections_.contains(connection); }

    /// So that nobody makes a notification that no one reads.
    bool any() const noexcept { return !connections_.empty(); }

    /// Sends {"jsonrpc":"2.0","method":…,"params":…} to each.
    void tell(std::string_view method, const boost::json::value& params) const;

  private:
    std::map<std::uint64_t, uid_t> connections_;
    Send send_;
};

}  // namespace capsule
