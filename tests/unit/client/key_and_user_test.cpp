#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <thread>

#include "client/commands/ask_key.hpp"
#include "client/commands/become.hpp"
#include "client/commands/roots_environment.hpp"
#include "client/verify/start.hpp"
#include "test_server.hpp"
#include "tests/support/refused_call.hpp"
#include "tests/support/silent_mount.hpp"

namespace capsule {
namespace {

using testing::HasSubstr;

class Pipe {
  public:
    explicit Pipe(const std::string& text) {
        EXPECT_EQ(::pipe(ends_), 0);
        EXPECT_EQ(::write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
        ::close(ends_[1]);
    }
    ~Pipe() { ::close(ends_[0]); }
    int descriptor() const { return ends_[0]; }

  private:
    int ends_[2] = {-1, -1};
};

std::string key_of_pipe(const std::string& text) {
    return std::get<std::string>(ask_key(Pipe(text).descriptor(), ""));
}

TEST(AskKey, ReadsWhatIsPipedInWithoutOneLineEnd) {
    EXPECT_EQ(key_of_pipe("sk-FAKE-0001"), "sk-FAKE-0001");
    EXPECT_EQ(key_of_pipe("sk-FAKE-0001\n"), "sk-FAKE-0001");
    EXPECT_EQ(key_of_pipe("sk-FAKE-0001\r\n"), "sk-FAKE-0001");
    EXPECT_EQ(key_of_pipe("a\nb\n"), "a\nb") << "the daemon refuses it: nothing is cut off in silence";
}

TEST(AskKey, RefusesNothingAndTooMuch) {
    EXPECT_EQ(std::get<Error>(ask_key(Pipe("").descriptor(), "")).code, ErrorCode::invalid_params);
    EXPECT_EQ(std::get<Error>(ask_key(Pipe("\n").descriptor(), "")).code, ErrorCode::invalid_params);
    EXPECT_EQ(std::get<Error>(ask_key(-1, "")).code, ErrorCode::io_error);
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    std::thread writer([&] {
        const std::string much(longest_key + 1, 'x');
        (void)!::write(ends[1], much.data(), much.size());
        ::close(ends[1]);
    });
    EXPECT_EQ(std::get<Error>(ask_key(ends[0], "")).code, ErrorCode::invalid_params);
    std::array<char, 4096> chunk;
    while (::read(ends[0], chunk.data(), chunk.size()) > 0)
        continue;
    writer.join();
    ::close(ends[0]);
}

struct Terminal {
    Terminal() { ::openpty(&master, &slave, nullptr, nullptr, nullptr); }
    ~Terminal() {
        ::close(master);
        ::close(slave);
    }
    bool echoes() const {
        termios now{};
        ::tcgetattr(slave, &now);
        return (now.c_lflag & ECHO) != 0;
    }
    void await_silence() const {
        while (echoes())
            ::usleep(1000);
    }
    int master = -1;
    int slave = -1;
};

TEST(AskKey, ReadsOneLineOfATerminalUnseen) {
    Terminal terminal;
    std::thread person([&] {
        terminal.await_silence();
        EXPECT_EQ(::write(terminal.master, "sk-FAKE-0001\n", 13), 13);
    });
    const auto key = ask_key(terminal.slave, "");
    person.join();
    EXPECT_EQ(std::get<std::string>(key), "sk-FAKE-0001");
    EXPECT_TRUE(terminal.echoes());
    std::array<char, 64> shown{};
    EXPECT_GT(::read(terminal.master, shown.data(), shown.size()), 0);
    EXPECT_EQ(std::string(shown.data()), "\r\n");
}

TEST(AskKey, GivesTheEchoBackWhenInterrupted) {
    Terminal terminal;
    const pthread_t asking = ::pthread_self();
    std::thread person([&] {
        terminal.await_silence();
        ::usleep(20'000);
        ::pthread_kill(asking, SIGINT);
    });
    const auto key = ask_key(terminal.slave, "");
    person.join();
    EXPECT_TRUE(std::holds_alternative<Cancelled>(key));
    EXPECT_TRUE(terminal.echoes());
}

SessionUser myself() {
    return {"me", ::getuid(), ::getgid(), {}};
}

/// Runs `body` in a child, since becoming another user is for good; gives its exit code.
template <class Body>
int in_child(Body body) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(body());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(BecomeUser, IsDoneWhenOneIsThatUser) {
    if (::getuid() == 0) GTEST_SKIP() << "see the test for root";
    EXPECT_TRUE(become_user(myself()));
}

TEST(BecomeUser, LetsRootBecomeAnyoneForGood) {
    if (::getuid() != 0) GTEST_SKIP() << "needs root";
    EXPECT_EQ(in_child([] {
                  if (!become_user({"agent", 4242, 4343, {4343, 4444}})) return 1;
                  gid_t groups[8];
                  if (::getgroups(8, groups) != 2 || ::getuid() != 4242 || ::getegid() != 4343) return 2;
                  if (::setuid(0) == 0 || ::seteuid(0) == 0) return 3;
                  const auto other = become_user({"other", 5000, 5000, {}});
                  if (other || other.error().code != ErrorCode::access_denied) return 4;
                  return become_user({"agent", 4242, 4343, {4343}}) ? 0 : 5;
              }),
              0);
}

TEST(BecomeUser, RefusesWhoCouldBeAnotherUserAgain) {
    if (::getuid() != 0) GTEST_SKIP() << "needs root";
    for (const auto& [real, saved] : {std::pair<uid_t, uid_t>{0, 0}, {0, 4242}, {4242, 0}, {4242, 5000}})
        EXPECT_EQ(in_child([real = real, saved = saved] {
                      if (::setresgid(4343, 4343, 4343) != 0 || ::setresuid(real, 4242, saved) != 0) return 1;
                      const auto done = become_user({"agent", 4242, 4343, {4343}});
                      return !done && done.error().code == ErrorCode::access_denied ? 0 : 2;
                  }),
                  0)
            << real << " " << saved;
    for (const auto& [real, saved] : {std::pair<gid_t, gid_t>{0, 0}, {0, 4343}, {4343, 0}})
        EXPECT_EQ(in_child([real = real, saved = saved] {
                      if (::setresgid(real, 4343, saved) != 0 || ::setresuid(4242, 4242, 4242) != 0) return 1;
                      const auto done = become_user({"agent", 4242, 4343, {4343}});
                      return !done && done.error().code == ErrorCode::access_denied ? 0 : 2;
                  }),
                  0)
            << real << " " << saved;
    // Another group than the account's is a user's own affair, see newgrp(1).
    EXPECT_EQ(in_child([] {
                  if (::setresgid(4444, 4444, 4444) != 0 || ::setresuid(4242, 4242, 4242) != 0) return 1;
                  return become_user({"agent", 4242, 4343, {4343}}) ? 0 : 2;
              }),
              0);
}

TEST(BecomeUser, RefusesAnybodyElse) {
    const auto body = [] {
        if (::getuid() == 0 && ::setresuid(4242, 4242, 4242) != 0) return 1;
        const auto root = become_user({"root", 0, 0, {}}), other = become_user({"other", 4343, 4343, {}});
        if (root || root.error().code != ErrorCode::access_denied) return 2;
        if (!root.error().hint.starts_with("run this as root; ")) return 3;
        return !other && other.error().hint.starts_with("run this as root or as other; ") ? 0 : 4;
    };
    EXPECT_EQ(in_child(body), 0);
}

// What can be gained is given up before this process is that user's: here it does not become so.
TEST(BecomeUser, GivesUpFirstWhatCouldBeGained) {
    constexpr uid_t nobody = static_cast<uid_t>(-1);
    EXPECT_EQ(in_child([] {
                  if (become_without_privileges({"nobody", nobody, nobody, {}}, false)) return 1;
                  return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 2;
              }),
              0);
}

// With fs.suid_dumpable=1 a process of that user's could trace it and read what root's process had in its memory.
TEST(BecomeUser, IsNoneWhomThatUsersProcessesCanTrace) {
    if (::getuid() != 0) GTEST_SKIP() << "needs root";
    EXPECT_EQ(in_child([] {
                  test::refuse_call(SYS_prctl, PR_SET_DUMPABLE);
                  return become_user({"agent", 4242, 4343, {4343}}) ? 1 : 0;
              }),
              0);
}

TEST(GoOffline, AlsoForAUserThatRootBecame) {
    if (::getuid() != 0) GTEST_SKIP() << "needs root";
    if (in_child([] { return ::unshare(CLONE_NEWUSER | CLONE_NEWNET); }) != 0) GTEST_SKIP() << "no user namespaces";
    EXPECT_EQ(in_child([] {
                  if (!become_without_privileges({"agent", 4242, 4343, {4343}}, false)) return 1;
                  if (!go_offline()) return 2;
                  return ::getuid() == 4242 ? 0 : 3;
              }),
              0);
}

class FindProgram : public testing::Test {
  protected:
    void write(const std::string& name, mode_t mode) {
        std::ofstream(directory_.path() + "/" + name) << "#!/bin/sh\n";
        ::chmod((directory_.path() + "/" + name).c_str(), mode);
    }
    TemporaryDirectory directory_;
};

TEST_F(FindProgram, TakesTheFirstExecutableFile) {
    write("tool", 0755);
    write("data", 0644);
    ::mkdir((directory_.path() + "/folder").c_str(), 0755);
    const std::string path = "/nonexistent:" + directory_.path() + ":/usr/bin";
    EXPECT_EQ(*find_program("tool", path), directory_.path() + "/tool");
    EXPECT_FALSE(find_program("data", path));
    EXPECT_FALSE(find_program("folder", path));
    EXPECT_EQ(*find_program(directory_.path() + "/tool", ""), directory_.path() + "/tool");
}

TEST_F(FindProgram, IgnoresEntriesThatAreNotAbsolute) {
    write("tool", 0755);
    const std::string before = std::filesystem::current_path().string();
    ASSERT_EQ(::chdir(directory_.path().c_str()), 0);
    EXPECT_FALSE(find_program("tool", ".:"));
    EXPECT_FALSE(find_program("tool", ""));
    EXPECT_FALSE(find_program("./tool", "/usr/bin"));
    ASSERT_EQ(::chdir(before.c_str()), 0);
}

// Whoever can change it would be root.
TEST_F(FindProgram, RunsNoneAsRootThatAnotherUserCanChange) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    write("tool", 0755);
    const TemporaryDirectory own;
    std::ofstream(own.path() + "/tool") << "#!/bin/sh\n";
    ASSERT_EQ(::chmod((own.path() + "/tool").c_str(), 0755), 0);
    ASSERT_EQ(::symlink((directory_.path() + "/tool").c_str(), (own.path() + "/link").c_str()), 0);
    ASSERT_EQ(::chown(directory_.path().c_str(), 4711, 4711), 0);
    for (const auto& [name, path] : {std::pair{std::string("tool"), directory_.path()},
                                     {std::string("link"), own.path()},
                                     {directory_.path() + "/tool", std::string()}}) {
        const auto program = find_program(name, path);
        ASSERT_FALSE(program) << name;
        EXPECT_THAT(program.error().message, testing::AllOf(HasSubstr("is not run as root"), HasSubstr("user 4711")));
        EXPECT_THAT(program.error().hint, HasSubstr("[session] user"));
    }
    EXPECT_EQ(*find_program("tool", directory_.path() + ":" + own.path()), own.path() + "/tool");
    EXPECT_EQ(in_child([&] {
                  if (::setresuid(4711, 4711, 4711) != 0) return 1;
                  return find_program("tool", directory_.path()) ? 0 : 2;
              }),
              0);
}

TEST_F(FindProgram, ASessionOfRootsHasNoDirectoryInItsPathThatAnotherUserCanChange) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    const TemporaryDirectory theirs;
    ASSERT_EQ(::chown(theirs.path().c_str(), 4711, 4711), 0);
    const std::string path = "/usr/bin:" + theirs.path() + ":/tmp:" + directory_.path() + ":/nonexistent/bin";
    std::map<std::string, std::string> env{{"PATH", path}};
    EXPECT_TRUE(leave_out_what_others_change(env, {"agent", 4711, 4711, {}}).empty());
    EXPECT_EQ(env.at("PATH"), path);
    const auto warnings = leave_out_what_others_change(env, {"root", 0, 0, {}});
    EXPECT_EQ(env.at("PATH"), "/usr/bin:" + directory_.path() + ":/nonexistent/bin");
    ASSERT_EQ(warnings.size(), 2U);
    EXPECT_THAT(warnings[0].message,
                testing::AllOf(HasSubstr(theirs.path()), HasSubstr("user 4711"), HasSubstr("[session] user")));
    EXPECT_THAT(warnings[1].message, HasSubstr("/tmp"));
}

// `sudo -E` keeps them. OpenCode runs a program that it finds in XDG_CACHE_HOME.
TEST_F(FindProgram, ASessionOfRootsHasNoVariableThatLeadsToWhatAnotherUserCanChange) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    const TemporaryDirectory their_directory;
    ASSERT_EQ(::chown(their_directory.path().c_str(), 4711, 4711), 0);
    const std::string theirs = their_directory.path() + "/file", own = directory_.path();
    const std::map<std::string, std::string> left{{"CODEX_CA_CERTIFICATE", own + "/missing"},
                                                  {"EDITOR", "/usr/bin/env vi -n"},
                                                  {"HOME", theirs},
                                                  {"LANG", "C.UTF-8"},
                                                  {"NODE_EXTRA_CA_CERTS", "/nonexistent/ca.pem"},
                                                  {"TMPDIR", "/tmp"},
                                                  {"TZ", "Europe/Berlin"},
                                                  {"XDG_RUNTIME_DIR", own}};
    const std::map<std::string, std::string> out{
        {"DISPLAY", "unix:" + theirs}, {"PAGER", theirs + " -R"},
        {"SSH_AUTH_SOCK", theirs},     {"SSL_CERT_DIR", "/etc/ssl/certs:" + theirs},
        {"SSL_CERT_FILE", theirs},     {"VISUAL", "env '" + theirs + "'"},
        {"WAYLAND_DISPLAY", theirs},   {"XDG_CACHE_HOME", "/tmp"}};
    auto env = left;
    env.insert(out.begin(), out.end());
    const auto all = env;
    EXPECT_TRUE(leave_out_what_others_change(env, {"agent", 4711, 4711, {}}).empty());
    EXPECT_EQ(env, all);
    const auto warnings = leave_out_what_others_change(env, {"root", 0, 0, {}});
    EXPECT_EQ(env, left);
    ASSERT_EQ(warnings.size(), 1U);
    EXPECT_EQ(warnings[0].code, "path.unsafe");
    for (const auto& [name, value] : out)
        EXPECT_THAT(warnings[0].message, HasSubstr(name + " ("));
    EXPECT_THAT(warnings[0].message, testing::AllOf(HasSubstr("user 4711"), HasSubstr("[session] user")));
    for (const char* name :
         {"EDITOR", "NODE_EXTRA_CA_CERTS", "TMPDIR", "TZ", "CODEX_CA_CERTIFICATE", "XDG_RUNTIME_DIR"}) {
        std::map<std::string, std::string> one{{name, theirs}};
        EXPECT_EQ(leave_out_what_others_change(one, {"root", 0, 0, {}}).size(), 1U) << name;
        EXPECT_TRUE(one.empty()) << name;
    }
}

TEST_F(FindProgram, RootDoesNotWaitForWhatAnotherUserHasMounted) {
    const std::string mounted = directory_.path() + "/mounted";
    ::mkdir(mounted.c_str(), 0755);
    constexpr int skipped = 77;
    const int result = in_child([&] {
        if (!test::has_mounts_of_its_own()) return skipped;
        ::alarm(10);
        const test::SilentMount silent(mounted, 4711);
        if (find_program(mounted + "/tool", "")) return 1;
        std::map<std::string, std::string> env{{"PATH", mounted}, {"XDG_CACHE_HOME", mounted + "/cache"}};
        leave_out_what_others_change(env, {"root", 0, 0, {}});
        if (env != std::map<std::string, std::string>{{"PATH", ""}}) return 3;
        const auto program = find_program("env", mounted + ":/usr/bin");
        return program && *program == "/usr/bin/env" ? 0 : 2;
    });
    if (result == skipped) GTEST_SKIP() << "needs root, /dev/fuse and a mount namespace of its own";
    EXPECT_EQ(result, 0);
}

TEST_F(FindProgram, SaysHowToInstallAnAgent) {
    const auto program = find_program("codex", "/nonexistent");
    ASSERT_FALSE(program);
    EXPECT_THAT(program.error().message, HasSubstr("codex is not installed"));
    EXPECT_THAT(program.error().hint, HasSubstr("@openai/codex"));
}

TEST(TitleSequence, FitsTheTerminalAndCarriesNoCommands) {
    EXPECT_EQ(title_sequence("Claude (Z.AI)", "xterm-256color"), "\x1b]0;Claude (Z.AI)\x07");
    EXPECT_EQ(title_sequence("a\x07"
                             "b\x1b",
                             "tmux"),
              "\x1b]0;a?b?\x07");
    EXPECT_EQ(title_sequence("x", "dumb"), "");
    EXPECT_EQ(title_sequence("x", "linux"), "");
    EXPECT_EQ(title_sequence("x", ""), "");
}

TEST_F(FindProgram, BecomesItWithJustTheEnvironmentGiven) {
    const std::string out = directory_.path() + "/out";
    SpawnResult session;
    session.argv = {"sh", "-c", "env > " + out + "; printf '%s' \"$1\" >> " + out, "sh", "argument"};
    session.env = {{"ONLY", "this"}};
    EXPECT_EQ(in_child([&] {
                  become_program("/bin/sh", session);
                  return 9;
              }),
              0);
    std::ifstream file(out);
    const std::string seen{std::istreambuf_iterator<char>(file), {}};
    EXPECT_THAT(seen, HasSubstr("ONLY=this"));
    EXPECT_THAT(seen, testing::EndsWith("argument"));
    EXPECT_THAT(seen, testing::Not(HasSubstr("HOME=")));
    EXPECT_EQ(become_program("/nonexistent", session).code, ErrorCode::io_error);
}

}  // namespace
}  // namespace capsule
