#include "daemon/process/child.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>

namespace capsule {
namespace {

namespace asio = boost::asio;

/// The end of a pipe from which a byte can be read.
int readable_pipe(UniqueFd& write_end) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    write_end = UniqueFd(ends[1]);
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
    return ends[0];
}

// Both pipes' events come out of one look of Asio's. The first one's handler closes the second one and starts a
// program, whose descriptor gets the state in Asio that the second one had: with the event that is still to be handled.
TEST(Child, IsNotTakenAsEndedForAnEventOfADescriptorThatIsClosed) {
    asio::io_context io;
    UniqueFd first_end, second_end;
    asio::posix::stream_descriptor first(io, readable_pipe(first_end));
    asio::posix::stream_descriptor second(io, readable_pipe(second_end));
    ChildPipes pipes;
    std::shared_ptr<Child> child;
    bool ended = false;
    first.async_wait(asio::posix::stream_descriptor::wait_read, [&](boost::system::error_code) {
        second.close();
        RunPlan plan;
        plan.argv = {"/bin/sleep", "600"};
        child = Child::start(plan, io.get_executor(), pipes);
        const auto watch = [&]() -> asio::awaitable<void> {
            co_await child->ended();
            ended = true;
        };
        asio::co_spawn(io, watch, asio::detached);
    });
    io.run_for(std::chrono::milliseconds(100));
    ASSERT_TRUE(child);
    EXPECT_FALSE(ended);
    child->kill_all();
    io.restart();
    io.run_for(std::chrono::seconds(60));
    EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace capsule
