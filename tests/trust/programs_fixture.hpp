// The session's user and the programs that the daemon runs for it.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <stdexcept>

#include "tests/support/capsule_test.hpp"
#include "tests/trust/outside.hpp"

namespace capsule::test {

inline constexpr Identity agent{4711, 4711};
inline constexpr std::string_view spawn_codex = R"({"agent":"codex","provider":"minimax"})";

/// A daemon of root's that serves a user of the test's own, in a password file that only this daemon sees.
class Programs : public CapsuleTest {
  protected:
    void SetUp() override {
        if (!am_root()) GTEST_SKIP() << "needs root to serve another user";
        std::filesystem::create_directories(agent_home());
        ASSERT_EQ(chown(agent_home().c_str(), agent.uid, agent.gid), 0);
        write_file(dir_ / "passwd",
                   read_file("/etc/passwd") + "agent:x:4711:4711::" + agent_home().string() + ":/bin/sh\n");
        std::filesystem::permissions(dir_ / "passwd", std::filesystem::perms{0644});
        std::filesystem::create_directories(dir_ / "agents-tmp");
        std::filesystem::permissions(dir_ / "agents-tmp", std::filesystem::perms{01777});
    }

    std::filesystem::path agent_home() const { return dir_ / "agents-home"; }

    void start_for_agent(bool sees_own_processes_only = false) {
        start({.env = with(all_keys(), {{"TMPDIR", (dir_ / "agents-tmp").string()}}),
               .config = "[session]\nuser = \"agent\"\n",
               .passwd = dir_ / "passwd",
               .sees_own_processes_only = sees_own_processes_only});
    }

    /// What Codex does before it prints its models, in its home and as the agent's user.
    void set_codex(const std::string& first) {
        const std::filesystem::path program = agents_.bin() / "codex";
        const std::string text = read_file(program);
        write_file(program, "#!/bin/sh\n" + first + "\n" + text);
        std::filesystem::permissions(program, std::filesystem::perms{0755});
    }

    std::string warnings(std::string_view params = spawn_codex) const {
        return json::serialize(at(call("spawn", params), "/warnings"));
    }

    /// A program of the daemon's that is the agent's user by now; 0: there is none.
    pid_t program_of_agent() const {
        for (const std::filesystem::directory_entry& entry : std::filesystem::directory_iterator("/proc")) {
            const std::string name = entry.path().filename().string();
            if (!std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; })) continue;
            try {
                const pid_t pid = std::stoi(name);
                if (status_field(pid, "Uid").starts_with("4711\t4711") && keeper_of(pid) != 0) return pid;
            } catch (const std::runtime_error&) {
                continue;  // it has ended meanwhile
            }
        }
        return 0;
    }

    /// Its parent, where that is a child of the daemon's; 0: it is another process.
    pid_t keeper_of(pid_t program) const {
        const pid_t parent = std::stoi(status_field(program, "PPid"));
        return parent != 0 && status_field(parent, "PPid") == std::to_string(daemon().pid()) ? parent : 0;
    }

    /// Processes of the agent's user whose command line has `word`.
    static std::size_t count_of(const std::string& word) {
        std::size_t count = 0;
        for (const std::filesystem::directory_entry& entry : std::filesystem::directory_iterator("/proc"))
            try {
                const pid_t pid = std::stoi(entry.path().filename().string());
                if (status_field(pid, "Uid").starts_with("4711\t") &&
                    read_file(proc_path(pid, "cmdline")).find(word) != std::string::npos)
                    ++count;
            } catch (const std::exception&) {
                continue;  // no process, or one that has ended meanwhile
            }
        return count;
    }

    void expect_served_soon() const {
        const auto began = std::chrono::steady_clock::now();
        expect_alive();
        call("spawn", R"({"agent":"claude","provider":"zai"})");
        EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
    }
};

/// Whoever executes the program waits, until this goes.
class Lease {
  public:
    explicit Lease(const std::filesystem::path& program) : fd_(open(program.c_str(), O_RDWR | O_CLOEXEC)) {
        std::signal(SIGIO, SIG_IGN);
        if (fd_ < 0 || fcntl(fd_, F_SETLEASE, F_WRLCK) != 0) throw std::runtime_error("no lease to be had");
    }
    ~Lease() { close(fd_); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

  private:
    int fd_;
};

}  // namespace capsule::test
