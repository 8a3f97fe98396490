// Connections that have been read from are answered together: all of a round share one look for changes and one write
// of the log, and what they answer is sent when all of them have been read.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <vector>

namespace capsule {

class Session;

class Round {
  public:
    explicit Round(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

    /// The session takes part in the next round, which comes when what is ready now has been read.
    void join(Session& session);

  private:
    void serve();

    boost::asio::any_io_executor executor_;
    std::vector<Session*> joined_;
    std::vector<Session*> served_;  ///< kept for its memory
};

}  // namespace capsule
