// Connections that asked to be told of what happens. Lives on the I/O thread.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <functional>
#include <set>
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

    void add(std::uint64_t connection) { connections_.insert(connection); }
    /// Nothing where it is none.
    void remove(std::uint64_t connection) { connections_.erase(connection); }

    /// So that nobody makes a notification that no one reads.
    bool any() const noexcept { return !connections_.empty(); }

    /// Sends {"jsonrpc":"2.0","method":…,"params":…} to each.
    void tell(std::string_view method, const boost::json::value& params) const;

  private:
    std::set<std::uint64_t> connections_;
    Send send_;
};

}  // namespace capsule
