#include "protocol/message_sender.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/safe_path.hpp"
#include "protocol/trusted_server.hpp"
#include "protocol/unique_fd.hpp"
#include "tests/support/sent_descriptor.hpp"

namespace capsule {
namespace {

class MessageSender : public ::testing::Test {
  protected:
    MessageSender() {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
        here_ = UniqueFd(ends[0]);
        there_ = UniqueFd(ends[1]);
    }

    Received receive() { return receive_from_one(here_.get(), room_); }
    std::string_view text(const Received& received) const { return {room_.data(), received.count}; }
    void send(std::string_view bytes) const {
        ASSERT_EQ(::send(there_.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    }
    void send_as(uid_t user, std::string_view bytes) const {
        const pid_t child = ::fork();
        if (child == 0) ::_exit(::setuid(user) == 0 && ::send(there_.get(), bytes.data(), bytes.size(), 0) > 0 ? 0 : 1);
        int status = 1;
        ::waitpid(child, &status, 0);
        ASSERT_EQ(status, 0);
    }

    UniqueFd here_, there_;
    std::array<char, 64> room_{};
};

TEST_F(MessageSender, IsToldOfEachMessage) {
    ask_who_sends(here_.get());
    EXPECT_EQ(receive().error, EAGAIN);
    send("one");
    const Received own = receive();
    EXPECT_EQ(text(own), "one");
    EXPECT_EQ(own.sender, ::getuid());
    there_ = UniqueFd();
    const Received end = receive();
    EXPECT_EQ(end.count, 0U);
    EXPECT_EQ(end.error, 0);
}

TEST_F(MessageSender, NoTwoSendersAreReadTogether) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to be two users";
    ask_who_sends(here_.get());
    send("root");
    send_as(4711, "theirs");
    send("root");
    for (const auto& [user, bytes] : {std::pair<uid_t, std::string_view>{0, "root"}, {4711, "theirs"}, {0, "root"}}) {
        const Received received = receive();
        EXPECT_EQ(text(received), bytes);
        EXPECT_EQ(received.sender, user);
    }
}

TEST_F(MessageSender, IsNobodyOfWhatWasSentBeforeTheKernelWasAsked) {
    send("before");
    ask_who_sends(here_.get());
    EXPECT_EQ(receive().sender, outsider);
}

// To read the byte that descriptors come with would end them here, and the end of one may wait.
TEST_F(MessageSender, DescriptorsAreNotTaken) {
    ask_who_sends(here_.get());
    const UniqueFd sent(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const int next = ::dup(0);
    ::close(next);
    for (const int flags : {0, int{MSG_OOB}}) {
        ASSERT_EQ(test::send_with_descriptor(there_.get(), sent.get(), flags), 0);
        EXPECT_EQ(receive().error, EPERM);
        EXPECT_EQ(receive().error, EPERM) << "it is still there";
    }
    EXPECT_EQ(::fcntl(next, F_GETFD), -1) << "none was given to this process";
}

using AnsweringServer = MessageSender;

TEST_F(AnsweringServer, IsTheSameFromItsFirstAnswerOn) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a directory away";
    std::string directory = "/tmp/capsule-server-XXXXXX";
    ASSERT_NE(::mkdtemp(directory.data()), nullptr);
    ASSERT_EQ(::chown(directory.c_str(), 4711, 4711), 0);
    const auto at_first = [&] { return TrustedServer::of(here_.get(), directory + "/s").value(); };
    for (const auto& [first, then] : {std::pair<uid_t, uid_t>{0, 4711}, {4711, 0}, {4711, outsider}}) {
        TrustedServer server = at_first();
        EXPECT_EQ(server.uid(), 0U) << "as far as is known";
        EXPECT_FALSE(server.is_known());
        EXPECT_TRUE(server.has_sent(first));
        EXPECT_TRUE(server.has_sent(first));
        EXPECT_TRUE(server.is_known());
        EXPECT_EQ(server.uid(), first);
        EXPECT_FALSE(server.has_sent(then)) << then << " after " << first;
    }
    TrustedServer another = at_first();
    EXPECT_FALSE(another.has_sent(4712)) << "whose directory it is not";
    TrustedServer unknown = at_first();
    EXPECT_TRUE(unknown.has_sent(outsider)) << "what was sent at once may be read";
    EXPECT_FALSE(unknown.is_known()) << "and is not believed";
    EXPECT_FALSE(unknown.has_sent(0)) << "nor is what follows";
    ASSERT_EQ(::chown(directory.c_str(), 0, 0), 0);
    TrustedServer made_for = at_first();
    EXPECT_TRUE(made_for.has_sent(4712)) << "root made it in its own directory";
    EXPECT_EQ(made_for.uid(), 4712U);
    ::rmdir(directory.c_str());
}

}  // namespace
}  // namespace capsule
