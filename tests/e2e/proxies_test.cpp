// With each proxy variable alone, in each agent: what a proxy can read of a session has no key in it.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <mutex>
#include <ostream>
#include <thread>

#include "tests/e2e/cells.hpp"
#include "tests/e2e/secrets.hpp"

namespace capsule::e2e {

namespace {

constexpr std::uint16_t proxy_port = 3128;
constexpr const char* proxy_address = "http://127.0.0.1:3128";

int loopback_socket(std::uint16_t port, decltype(&::connect) begin) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(begin(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0) << "port " << port;
    return fd;
}

/// Carries what comes on either side to the other until one of them ends.
void carry(int client, int server) {
    std::array<pollfd, 2> ends{{{client, POLLIN, 0}, {server, POLLIN, 0}}};
    std::array<char, 65536> buffer{};
    while (::poll(ends.data(), ends.size(), -1) > 0) {
        for (std::size_t i = 0; i < ends.size(); ++i) {
            if (ends.at(i).revents == 0) continue;
            const ssize_t got = ::recv(ends.at(i).fd, buffer.data(), buffer.size(), 0);
            if (got <= 0 ||
                ::send(ends.at(1 - i).fd, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) != got)
                return;
        }
    }
}

/// Opens tunnels to the stand-in, whatever the host, and keeps what it is asked for. Anything but a tunnel is refused.
class Proxy {
  public:
    Proxy() {
        EXPECT_EQ(::listen(listener_, 64), 0);
        std::thread([this] { accept_all(); }).swap(acceptor_);
    }
    ~Proxy() {
        ::shutdown(listener_, SHUT_RDWR);
        acceptor_.join();
        for (std::thread& each : connections_)
            each.join();
        ::close(listener_);
    }
    Proxy(const Proxy&) = delete;
    Proxy& operator=(const Proxy&) = delete;

    std::vector<std::string> asked() const {
        const std::lock_guard lock(mutex_);
        return asked_;
    }

  private:
    void accept_all() {
        for (int client = 0; (client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;)
            connections_.emplace_back([this, client] {
                serve(client);
                ::close(client);
            });
    }

    void serve(int client) {
        std::string head;
        std::array<char, 4096> buffer{};
        while (head.find("\r\n\r\n") == std::string::npos) {
            const ssize_t got = ::recv(client, buffer.data(), buffer.size(), 0);
            if (got <= 0) break;
            head.append(buffer.data(), static_cast<std::size_t>(got));
        }
        {
            const std::lock_guard lock(mutex_);
            asked_.push_back(head);
        }
        const bool tunnel = head.starts_with("CONNECT ");
        const std::string answer = tunnel ? "HTTP/1.1 200 OK\r\n\r\n" : "HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n";
        if (::send(client, answer.data(), answer.size(), MSG_NOSIGNAL) < 0 || !tunnel) return;
        const int server = loopback_socket(443, ::connect);
        carry(client, server);
        ::close(server);
    }

    const int listener_ = loopback_socket(proxy_port, ::bind);
    std::thread acceptor_;
    std::vector<std::thread> connections_;
    mutable std::mutex mutex_;
    std::vector<std::string> asked_;
};

struct Case {
    std::string agent;
    std::string provider;
    std::vector<std::string> variables;
    bool goes_through_it;
};

void PrintTo(const Case& one, std::ostream* out) {
    *out << one.agent << " on " << one.provider << " with " << testing::PrintToString(one.variables);
}

/// docs/agents.md has which variable each of them takes for a proxy. Those that one does not take are tried at once.
std::vector<Case> cases() {
    std::vector<Case> all;
    for (const char* variable : {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"}) {
        for (const char* provider : {"zai", "anthropic"})
            all.push_back({"claude", provider, {variable}, true});
        all.push_back({"codex", "zai", {variable}, std::string(variable) != "HTTP_PROXY"});
        all.push_back({"codex", "openai", {variable}, true});
    }
    all.push_back({"opencode", "zai", {"HTTPS_PROXY"}, true});
    all.push_back({"opencode", "zai", {"HTTP_PROXY", "ALL_PROXY", "all_proxy"}, false});
    return all;
}

std::string case_name(const testing::TestParamInfo<Case>& one) {
    std::string name = one.param.agent + "_" + one.param.provider;
    for (const std::string& variable : one.param.variables)
        name += "_" + variable;
    return name;
}

class Proxies : public testing::TestWithParam<Case> {
  protected:
    World world;
};

}  // namespace

TEST_P(Proxies, ReadNoKey) {
    const Proxy proxy;
    // Claude Code's own account by its key, which is what it sent readable.
    std::string env = "[env]\n";
    for (const std::string& variable : GetParam().variables)
        env += variable + " = \"" + proxy_address + "\"\n";
    world.start_daemon(env, {"CLAUDE_CODE_OAUTH_TOKEN"});
    const AgentRun run = world.run(GetParam().agent, GetParam().provider, one_shot(GetParam().agent, "[[say fine]]"));
    expect_printed(run, "fine");
    EXPECT_EQ(GetParam().goes_through_it, !proxy.asked().empty());
    for (const std::string& asked : proxy.asked())
        for (const auto& [name, secret] : daemon_secrets)
            EXPECT_EQ(asked.find(secret), std::string::npos) << name << " in:\n" << asked;
}

INSTANTIATE_TEST_SUITE_P(EachVariable, Proxies, testing::ValuesIn(cases()), case_name);

}  // namespace capsule::e2e
