// A HomeWorker of one thread, and somebody who asks it.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "daemon/home/worker.hpp"
#include "tests/unit/support/run_io.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace capsule {

namespace asio = boost::asio;
using std::chrono::milliseconds;

inline constexpr std::chrono::milliseconds soon{100};
inline constexpr std::chrono::milliseconds patient{60'000};

class Worker : public testing::Test {
  protected:
    static SessionUser somebody() { return {.name = "somebody", .uid = ::geteuid(), .gid = ::getegid(), .groups = {}}; }

    template <class Job>
    auto ask(Job job, milliseconds limit, HomeWorker::Asker asker = 1) {
        return run(io_, worker_.run(std::move(job), limit, asker));
    }

    Result<std::thread::id> thread(HomeWorker::Asker asker = 1) {
        return ask([]() -> Result<std::thread::id> { return std::this_thread::get_id(); }, patient, asker);
    }

    TempDir directory_;
    asio::io_context io_;
    HomeWorker worker_{somebody(), true, 1};  ///< with one thread
};

/// A job that no signal ends, until `go` is set: as one whose file system does not answer.
inline auto stuck(const std::shared_ptr<std::atomic<bool>>& go) {
    return [go]() -> Result<int> {
        while (!*go)
            std::this_thread::sleep_for(milliseconds(5));
        return 0;
    };
}

}  // namespace capsule
