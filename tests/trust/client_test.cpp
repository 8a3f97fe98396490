// What root's capsulectl does with a server that is not root's.
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "tests/support/capsule_test.hpp"
#include "tests/trust/outside.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

/// A listener that another user has put somewhere. It writes down each line that it is sent, and answers each with what
/// would make its caller run a program of that user's as root.
class PlantedListener {
  public:
    PlantedListener(const fs::path& directory, Identity owner) : socket_(directory / "s"), seen_(directory / "seen") {
        child_ = fork();
        if (child_ == 0) serve(directory, owner);
        if (!eventually([&] { return fs::exists(socket_); })) throw std::runtime_error("nothing listens");
    }
    ~PlantedListener() {
        kill(child_, SIGKILL);
        waitpid(child_, nullptr, 0);
    }
    PlantedListener(const PlantedListener&) = delete;
    PlantedListener& operator=(const PlantedListener&) = delete;

    fs::path socket() const { return socket_; }
    std::string seen() const { return fs::exists(seen_) ? read_file(seen_) : ""; }

  private:
    static constexpr std::string_view answer =
        R"json({"jsonrpc":"2.0","id":1,"result":{"agent":"claude","provider":"zai","label":"x","tab_label":"x",)json"
        R"json("model":null,"argv":["/bin/sh","-c","echo TAKEN $(id -u)"],"env":{"PATH":"/bin"},"unset":[],)json"
        R"json("dropped":[],"user":{"name":"root","uid":0,"gid":0,"groups":[0]},"privileges":"keep","files":[],)json"
        R"json("warnings":[]}})json"
        "\n";

    [[noreturn]] void serve(const fs::path& directory, Identity owner) const {
        if (chdir(directory.c_str()) != 0 || setgid(owner.gid) != 0 || setuid(owner.uid) != 0) _exit(1);
        const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, "new");
        if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) _exit(2);
        if (listen(listener, 5) != 0 || chmod("new", 0666) != 0 || rename("new", "s") != 0) _exit(3);
        for (;;) {
            const int peer = accept(listener, nullptr, nullptr);
            std::array<char, 65536> chunk{};
            const ssize_t count = read(peer, chunk.data(), chunk.size());
            if (count > 0) write_file("seen", std::string_view(chunk.data(), static_cast<std::size_t>(count)));
            [[maybe_unused]] const auto sent = send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
            close(peer);
        }
    }

    fs::path socket_;
    fs::path seen_;
    pid_t child_;
};

class UntrustedServer : public CapsuleTest {
  protected:
    void SetUp() override {
        if (!am_root()) GTEST_SKIP() << "needs root to be another user";
        fs::create_directories(theirs());
        ASSERT_EQ(chown(theirs().c_str(), nobody.uid, nobody.gid), 0);
    }

    fs::path theirs() const { return dir_ / "theirs"; }

    Outcome ctl_at(const PlantedListener& listener, std::vector<std::string> arguments, std::string_view input = {}) {
        Program program = ctl_program(std::move(arguments));
        program.argv[2] = listener.socket();
        program.env["CANARY"] = "of-roots-environment";
        return run_command(program, input);
    }

    static void expect_refused(const Outcome& outcome) {
        EXPECT_EQ(outcome.exit_code, 4) << outcome.out;
        EXPECT_THAT(outcome.err, AllOf(HasSubstr("65534"), HasSubstr("hint:")));
        EXPECT_THAT(outcome.out, Not(HasSubstr("TAKEN")));
    }
};

// The directory is that user's alone, so it is that user's own daemon for all that is known. Even so.
TEST_F(UntrustedServer, RootNeitherRunsNorBecomesWhatItSays) {
    const PlantedListener listener(theirs(), nobody);
    expect_refused(ctl_at(listener, {"exec", "claude", "--provider", "zai"}));
    expect_refused(ctl_at(listener, {"spawn", "claude", "--provider", "zai", "--format", "shell"}));
    EXPECT_THAT(listener.seen(), Not(HasSubstr("of-roots-environment")));
}

TEST_F(UntrustedServer, RootGivesItNoKey) {
    const PlantedListener listener(theirs(), nobody);
    expect_refused(ctl_at(listener, {"auth", "set", "zai"}, keys::zai));
    EXPECT_THAT(listener.seen(), Not(HasSubstr(keys::mark)));
}

TEST_F(UntrustedServer, IsSentNothingWhereItIsNotTheDirectorysOwner) {
    fs::permissions(theirs(), fs::perms{0777});
    ASSERT_EQ(chown(theirs().c_str(), 0, 0), 0);
    const PlantedListener listener(theirs(), nobody);
    fs::permissions(theirs(), fs::perms{0755});  // nobody else can change it any more
    expect_refused(ctl_at(listener, {"status"}));
    EXPECT_EQ(listener.seen(), "");
}

TEST_F(UntrustedServer, IsSentNothingWhereOthersCouldHavePutItThere) {
    fs::permissions(theirs(), fs::perms{0775});
    const PlantedListener listener(theirs(), nobody);
    const Outcome outcome = ctl_at(listener, {"status"});
    expect_refused(outcome);
    EXPECT_THAT(outcome.err, HasSubstr("its group may write there"));
    EXPECT_EQ(listener.seen(), "");
}

TEST_F(UntrustedServer, AnotherUserIsToldTheSame) {
    fs::permissions(theirs(), fs::perms{0777});
    const PlantedListener listener(theirs(), nobody);
    Program program = ctl_program({"spawn", "claude"});
    program.argv[0] = reachable_copy(CAPSULECTL_BINARY, dir_ / "programs");
    program.argv[2] = listener.socket();
    program.identity = Identity{4711, 4711};
    expect_refused(run_command(program));
    EXPECT_EQ(listener.seen(), "");
}

// A daemon of a user's own, as `capsulectl status` of an administrator finds it.
TEST_F(UntrustedServer, RootMayAskAnotherUsersOwnDaemonForItsStatus) {
    start({.identity = nobody});
    const Outcome outcome = ctl({"status"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(ctl({"exec", "claude", "--provider", "zai"}).exit_code, 4);
}

}  // namespace
}  // namespace capsule::test
