// Connections that have been read from are answered together: all of a round share one look for changes and one write
// of the log, and what they answer is sent when all of them have been read.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <vector>

namespace capsule {

class Connection;

class Round {
  public:
    explicit Round(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

    /// The connection takes part in the next round, which comes when what is ready now has been read.
    void join(Connection& connection);

  private:
    void serve();

    boost::asio::any_io_executor executor_;
    std::vector<Connection*> joined_;
    std::vector<Connection*> served_;  ///< kept for its memory
};

}  // namespace capsule
