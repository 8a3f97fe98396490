// What systemd gives and is told: capsuled.service (Type=notify, watchdog) and capsuled.socket.
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>

#include "tests/support/capsule_test.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

namespace fs = std::filesystem;
using Milliseconds = std::chrono::milliseconds;

/// The other end of NOTIFY_SOCKET.
class NotifySocket {
  public:
    explicit NotifySocket(const fs::path& path) : descriptor_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.string().copy(address.sun_path, sizeof address.sun_path - 1);
        if (bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            throw std::runtime_error("cannot bind " + path.string());
    }
    ~NotifySocket() { close(descriptor_); }
    NotifySocket(const NotifySocket&) = delete;
    NotifySocket& operator=(const NotifySocket&) = delete;

    /// The next message; empty when none came in time.
    std::string next(Milliseconds limit = std::chrono::seconds(60)) {
        pollfd wanted{descriptor_, POLLIN, 0};
        if (poll(&wanted, 1, static_cast<int>(limit.count())) != 1) return {};
        std::array<char, 1024> block{};
        const ssize_t got = recv(descriptor_, block.data(), block.size(), 0);
        return {block.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
    }
    /// The next that is not the watchdog's.
    std::string next_state() {
        std::string message = next();
        while (message == "WATCHDOG=1")
            message = next();
        return message;
    }

  private:
    int descriptor_;
};

class Notified : public CapsuleTest {
  protected:
    fs::path notify_path() const { return dir_ / "notify"; }
    void start_notified(Environment more = {}) { start({.env = with(more, {{"NOTIFY_SOCKET", notify_path()}})}); }
    NotifySocket systemd_{notify_path()};
};

TEST_F(Notified, ReadyReloadingReadyStopping) {
    start_notified();
    EXPECT_EQ(systemd_.next_state(), "READY=1\nSTATUS=serving");

    daemon().signal(SIGHUP);
    // With the time, which Type=notify-reload asks for.
    EXPECT_THAT(systemd_.next_state(), MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+"));
    EXPECT_EQ(systemd_.next_state(), "READY=1\nSTATUS=serving");

    write_file(config_file(), "nonsense = 1\n");
    daemon().signal(SIGHUP);
    EXPECT_THAT(systemd_.next_state(), StartsWith("RELOADING=1\n"));
    EXPECT_THAT(systemd_.next_state(), AllOf(StartsWith("READY=1\n"), HasSubstr("the reload failed")));

    daemon().signal(SIGTERM);
    EXPECT_EQ(systemd_.next_state(), "STOPPING=1");
    EXPECT_EQ(daemon().wait(), 0) << daemon().log();
}

TEST_F(Notified, TheWatchdogIsFedTwiceWithinItsTimeWhileThereIsWork) {
    constexpr Milliseconds limit{1000};
    agents_.delay_codex_models(std::chrono::seconds(2));
    start_notified(with(all_keys(), {{"WATCHDOG_USEC", std::to_string(limit.count() * 1000)}}));
    EXPECT_THAT(systemd_.next_state(), StartsWith("READY=1\n"));
    // A spawn that waits for a program holds nothing up.
    RawConnection waiting = daemon().connect();
    waiting.send_line(request("1", "spawn", R"({"agent":"codex","provider":"minimax"})"));
    for (int i = 0; i < 4; ++i)
        ASSERT_EQ(systemd_.next(limit), "WATCHDOG=1") << "number " << i;
    // As systemd does, which goes on reading: ten messages that nobody reads let their sender wait.
    for (int i = 0; i < 600 && waiting.silent_for(Milliseconds(0)); ++i)
        systemd_.next(Milliseconds(100));
    EXPECT_TRUE(waiting.read_line().has_value());
}

TEST_F(Notified, WithoutAWatchdogNoneIsFed) {
    start_notified();
    EXPECT_THAT(systemd_.next(), StartsWith("READY=1\n"));
    EXPECT_EQ(systemd_.next(Milliseconds(300)), "");
}

/// capsuled as capsuled.socket starts it, but by systemd-socket-activate, which becomes it at the first connection.
class Activated : public CapsuleTest {
  protected:
    void listen(std::vector<std::string> options, std::vector<std::string> arguments = {}) {
        fs::create_directories(home());
        fs::create_directories(socket().parent_path());
        write_file(config_file(), "");
        Program program{.argv = {"/usr/bin/systemd-socket-activate"}, .env = base_env()};
        for (const auto& [name, value] : with(base_env(), all_keys()))
            program.argv.insert(program.argv.end(), {"--setenv", name + "=" + value});
        program.argv.insert(program.argv.end(), options.begin(), options.end());
        program.argv.insert(program.argv.end(), {CAPSULED_BINARY, "--config", config_file()});
        program.argv.insert(program.argv.end(), arguments.begin(), arguments.end());
        listening_ = std::make_unique<Background>(program, dir_ / "log");
        // The socket's file is there before anybody listens on it; this line comes after.
        const std::string last = "Listening on " + options.back().substr(options.back().find('=') + 1);
        for (int i = 0; i < 500 && listening_->log().find(last) == std::string::npos; ++i)
            std::this_thread::sleep_for(Milliseconds(10));
        ASSERT_THAT(listening_->log(), HasSubstr(last));
    }

    struct Background {
        Background(const Program& program, fs::path log) : log_path(std::move(log)) {
            FILE* file = std::fopen(log_path.c_str(), "w+e");
            pid = start_program(program, {fileno(file), fileno(file), fileno(file)});
            std::fclose(file);
        }
        ~Background() { kill(pid, SIGKILL); }
        std::string log() const { return read_file(log_path); }
        fs::path log_path;
        pid_t pid;
    };

    std::string listen_stream() const { return "--listen=" + socket().string(); }
    std::unique_ptr<Background> listening_;
};

TEST_F(Activated, TheFirstConnectionStartsItAndIsAnswered) {
    listen({listen_stream()});
    EXPECT_THAT(listening_->log(), ::testing::Not(HasSubstr("ready on"))) << "nobody has connected yet";
    RawConnection connection(socket());
    const json::value status = at(parse(connection.ask(request("1", "status"))), "/result");
    EXPECT_EQ(at(status, "/pid").to_number<int>(), listening_->pid) << "it became the daemon";
    EXPECT_EQ(RawConnection(socket()).listener(), listening_->pid);
    EXPECT_EQ(text_at(status, "/socket"), socket().string()) << "the one that was passed";

    kill(listening_->pid, SIGTERM);
    EXPECT_EQ(wait_for_exit(listening_->pid, std::chrono::seconds(60)), 0) << listening_->log();
    EXPECT_TRUE(fs::exists(socket())) << "it is systemd's to remove";
    EXPECT_THAT(listening_->log(), ::testing::Not(HasSubstr(keys::mark)));
}

/// Connects to it and closes, again and again, as long as somebody listens.
class Visitors {
  public:
    explicit Visitors(const fs::path& socket) {
        for (int i = 0; i < 64; ++i)
            threads_.emplace_back([this, socket](const std::stop_token& ended) {
                while (!ended.stop_requested())
                    try {
                        const RawConnection visit(socket);
                        ++came_;
                    } catch (const std::runtime_error&) {
                        std::this_thread::sleep_for(Milliseconds(1));
                    }
            });
    }
    int came() const { return came_; }

  private:
    std::atomic<int> came_ = 0;
    std::vector<std::jthread> threads_;
};

// Unlike its own, systemd's socket goes on taking connections.
TEST_F(Activated, WhoeverGoesOnConnectingKeepsItNotFromEnding) {
    listen({listen_stream()});
    RawConnection(socket()).ask(request("1", "status"));
    kill(listening_->pid, SIGSTOP);
    RawConnection queued(socket());
    queued.send_line(request("1", "status"));
    const Visitors visitors(socket());
    for (int i = 0; i < 1000 && visitors.came() < 500; ++i)
        std::this_thread::sleep_for(Milliseconds(10));
    EXPECT_GE(visitors.came(), 500);
    kill(listening_->pid, SIGTERM);
    kill(listening_->pid, SIGCONT);
    EXPECT_EQ(queued.read_to_end().size(), 1U) << "it was there before the end";
    EXPECT_EQ(wait_for_exit(listening_->pid, std::chrono::seconds(20)), 0) << listening_->log();
}

TEST_F(Activated, WhatIsNotOneUnixStreamSocketIsRefusedWithTheCure) {
    const std::string second = "--listen=" + (dir_ / "second").string();
    for (const std::vector<std::string>& options :
         {std::vector<std::string>{listen_stream(), second}, {"--seqpacket", listen_stream()}}) {
        fs::remove(socket());
        listen(options);
        const int type = options.front() == "--seqpacket" ? SOCK_SEQPACKET : SOCK_STREAM;
        const int client = ::socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        socket().string().copy(address.sun_path, sizeof address.sun_path - 1);
        EXPECT_EQ(connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(wait_for_exit(listening_->pid, std::chrono::seconds(60)), 1) << listening_->log();
        EXPECT_THAT(listening_->log(), HasSubstr("give capsuled.socket exactly one ListenStream= with a path"));
        close(client);
    }
}

}  // namespace
}  // namespace capsule::test
