// What root's capsulectl does with a server that is not root's.
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

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
    /// Who makes a socket listen need not be who answers there: systemd does it for services.
    enum class MadeBy { its_owner, root };

    PlantedListener(const fs::path& directory, Identity owner, MadeBy made_by = MadeBy::its_owner)
        : socket_(directory / "s"), seen_(directory / "seen") {
        child_ = fork();
        if (child_ == 0) serve(directory, owner, made_by);
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
        R"json("result":{"agent":"claude","provider":"zai","label":"x","tab_label":"x",)json"
        R"json("model":null,"argv":["/bin/sh","-c","echo TAKEN $(id -u)"],"env":{"PATH":"/bin"},"unset":[],)json"
        R"json("dropped":[],"user":{"name":"root","uid":0,"gid":0,"groups":[0]},"privileges":"keep","files":[],)json"
        R"json("warnings":[]}})json"
        "\n";

    [[noreturn]] static void serve(const fs::path& directory, Identity owner, MadeBy made_by) {
        const auto become_owner = [&] {
            if (setgid(owner.gid) != 0 || setuid(owner.uid) != 0) _exit(1);
        };
        if (chdir(directory.c_str()) != 0) _exit(1);
        if (made_by == MadeBy::its_owner) become_owner();
        const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, "new");
        if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) _exit(2);
        if (listen(listener, 5) != 0 || chmod("new", 0666) != 0 || rename("new", "s") != 0) _exit(3);
        if (made_by == MadeBy::root) become_owner();
        for (;;) {
            const int peer = accept(listener, nullptr, nullptr);
            std::array<char, 65536> chunk{};
            const ssize_t count = read(peer, chunk.data(), chunk.size());
            if (count > 0) {
                std::ofstream("seen", std::ios::app).write(chunk.data(), count);
                const std::string_view request(chunk.data(), static_cast<std::size_t>(count));
                const std::size_t id = request.find("\"id\":");
                const std::string text = "{\"jsonrpc\":\"2.0\"," +
                                         std::string(request.substr(id, request.find(',', id) + 1 - id)) +
                                         std::string(answer);
                [[maybe_unused]] const auto sent = send(peer, text.data(), text.size(), MSG_NOSIGNAL);
            }
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

    static void expect_refused(const Outcome& outcome, const std::string& user = "65534") {
        EXPECT_EQ(outcome.exit_code, 4) << outcome.out;
        EXPECT_THAT(outcome.err, AllOf(HasSubstr(user), HasSubstr("hint:")));
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

// It could take the socket from a service of its own that systemd has made it for.
TEST_F(UntrustedServer, IsWhoeverAnswersAndNotWhoMadeTheSocket) {
    constexpr Identity service{4711, 4711};
    ASSERT_EQ(chown(theirs().c_str(), service.uid, service.gid), 0);
    const PlantedListener listener(theirs(), service, PlantedListener::MadeBy::root);
    expect_refused(ctl_at(listener, {"exec", "claude", "--provider", "zai"}), "user 4711's");
    expect_refused(ctl_at(listener, {"spawn", "claude", "--provider", "zai", "--format", "shell"}), "user 4711's");
    expect_refused(ctl_at(listener, {"auth", "set", "zai"}, keys::zai), "user 4711's");
    EXPECT_THAT(listener.seen(), AllOf(HasSubstr("ping"), Not(HasSubstr("of-roots-environment")),
                                       Not(HasSubstr("argv")), Not(HasSubstr(keys::mark))));
    ASSERT_EQ(chown(theirs().c_str(), 0, 0), 0);
    fs::permissions(theirs(), fs::perms{0777});
    expect_refused(ctl_at(listener, {"status"}), "user 4711's and is not trusted");
    fs::permissions(theirs(), fs::perms{0755});  // as systemd has a service's
    EXPECT_THAT(ctl_at(listener, {"status"}).err, HasSubstr("the daemon's answer is not understood"));
    expect_refused(ctl_at(listener, {"exec", "claude", "--provider", "zai"}), "user 4711's");
}

// `nobody` looks like somebody of whom the kernel does not say who it is.
TEST_F(UntrustedServer, IsNotBelievedWhereItIsNobody) {
    const PlantedListener listener(theirs(), nobody, PlantedListener::MadeBy::root);
    for (const std::vector<std::string>& asked :
         {std::vector<std::string>{"exec", "claude", "--provider", "zai"}, {"auth", "set", "zai"}, {"status"}}) {
        const Outcome outcome = ctl_at(listener, asked, keys::zai);
        EXPECT_NE(outcome.exit_code, 0);
        EXPECT_THAT(outcome.err, HasSubstr("the kernel does not tell who answers at " + listener.socket().string()));
    }
    EXPECT_THAT(listener.seen(), AllOf(Not(HasSubstr("of-roots-environment")), Not(HasSubstr(keys::mark))));
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
