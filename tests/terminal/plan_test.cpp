// What is left of a plan, on narrow terminals: `usage`, and the picker that knows of it.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "protocol/unique_fd.hpp"
#include "tests/terminal/terminal_test.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

/// On 127.0.0.1: gives everybody the same answer, and closes.
class OneAnswer {
  public:
    explicit OneAnswer(std::string body) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address_;
        const bool listens = ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address_), size) == 0 &&
                             ::listen(listener_.get(), 8) == 0 &&
                             ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address_), &size) == 0;
        if (!listens) throw std::runtime_error("cannot listen on 127.0.0.1");
        thread_ = std::thread([this, text = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
                                            std::to_string(body.size()) + "\r\n\r\n" + body] { serve(text); });
    }
    ~OneAnswer() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
    }
    OneAnswer(const OneAnswer&) = delete;
    OneAnswer& operator=(const OneAnswer&) = delete;

    std::string url() const { return "http://127.0.0.1:" + std::to_string(ntohs(address_.sin_port)) + "/plan"; }

  private:
    void serve(const std::string& text) const {
        for (;;) {
            const UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (peer.get() < 0) return;
            std::string request;
            std::array<char, 4096> piece{};
            while (request.find("\r\n\r\n") == std::string::npos) {
                const ssize_t size = ::recv(peer.get(), piece.data(), piece.size(), 0);
                if (size <= 0) break;
                request.append(piece.data(), static_cast<std::size_t>(size));
            }
            static_cast<void>(::send(peer.get(), text.data(), text.size(), MSG_NOSIGNAL));
        }
    }

    UniqueFd listener_;
    sockaddr_in address_{};
    std::thread thread_;
};

class PlanOnScreen : public TerminalTest, public testing::WithParamInterface<int> {
  protected:
    void start_with_plans(const std::string& config = {}) {
        const auto table = [](const std::string& provider, const OneAnswer& at) {
            return "[providers." + provider + ".usage]\nurl = \"" + at.url() + "\"\n";
        };
        start({.env = {{"ZAI_API_KEY", std::string(keys::zai)}, {"MINIMAX_API_KEY", std::string(keys::minimax)}},
               .config = config + (::geteuid() == 0 ? "[broker]\nuser = \"daemon\"\n" : "") + table("zai", zai_) +
                         table("minimax", minimax_)});
        open_terminal({}, {.columns = GetParam(), .rows = 24});
    }

  private:
    OneAnswer zai_{R"({"code":200,"data":{"level":"pro","limits":[
        {"type":"TOKENS_LIMIT","unit":3,"number":5,"percentage":42,"nextResetTime":4070908800000},
        {"type":"TOKENS_LIMIT","unit":6,"number":1,"percentage":61,"nextResetTime":4070908800000}]}})"};
    OneAnswer minimax_{"<html>sign in</html>"};
};

TEST_P(PlanOnScreen, UsageAndThePickerAfterIt) {
    start_with_plans();
    terminal().run("capsulectl usage");
    terminal().wait_until(AllOf(HasSubstr("MiniMax: a web page came"),
                                ContainsRegex("Z.AI +pro +5 hours +42 % +in [0-9]+ days"), ContainsRegex("week +61 %"),
                                HasSubstr("Not documented by the provider")));
    terminal().run_on_clear_screen("capsulectl exec claude");
    terminal().wait_until(ContainsRegex("  Z.AI +glm-5.3 +key …0004 +week: 39 % left"));
    terminal().press({"Escape"});
    EXPECT_EQ(terminal().wait_for_exit_status(), 130);
}

TEST_P(PlanOnScreen, ThePickerAsksWhereABrokerRuns) {
    start_with_plans("[session]\nkeys = \"broker\"\n");
    const auto running = [this] {
        const json::value status = call("status");
        const json::value& broker = status.at("broker");
        return broker.is_object() && broker.at("state").as_string() == "running";
    };
    for (int i = 0; i < 500 && !running(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    terminal().run("capsulectl exec claude");
    terminal().wait_until(ContainsRegex("  Z.AI +glm-5.3 +key …0004 +week: 39 % left"));
    terminal().press({"Escape"});
    EXPECT_EQ(terminal().wait_for_exit_status(), 130);
}

INSTANTIATE_TEST_SUITE_P(Columns, PlanOnScreen, testing::Values(60, 80));

}  // namespace
}  // namespace capsule::test
