// What a session did, on terminals of 60 and 80 columns, as it happens: `sessions`, `sessions --watch`, and the picker
// that knows what was refused. Requests go through the real broker to a stand-in of the provider.
#include <arpa/inet.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <optional>
#include <thread>

#include "client/recorder/recorder.hpp"
#include "protocol/unique_fd.hpp"
#include "protocol/utc_time.hpp"
#include "tests/terminal/terminal_test.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

/// A session that lives as long as this object, with a token.
class BrokeredSession {
  public:
    explicit BrokeredSession(RawConnection connection) : connection_(std::move(connection)) {
        const std::string answer =
            connection_.ask(request("1", "spawn", R"({"agent":"claude","provider":"zai","ends_with":"connection"})"));
        const json::value plan = parse(answer);
        id_ = text_at(plan, "/result/session/id");
        token_ = text_at(plan, "/result/env/ANTHROPIC_AUTH_TOKEN");
        const std::string url = text_at(plan, "/result/env/ANTHROPIC_BASE_URL");
        const std::size_t port = url.rfind(':') + 1, path = url.find('/', port);
        port_ = static_cast<std::uint16_t>(std::stoi(url.substr(port, path - port)));
        path_ = url.substr(path);
    }

    const std::string& id() const { return id_; }

    /// Has the stand-in's model do what `prompt` says, and waits for the answer.
    void ask(const std::string& prompt) const {
        json::array messages;
        messages.push_back(json::object{{"role", "user"}, {"content", prompt}});
        const std::string body = json::serialize(json::object{{"model", "glm-5.3"}, {"messages", messages}});
        const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port_);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            throw std::runtime_error("no broker");
        const std::string text = "POST " + path_ + "/v1/messages HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port_) +
                                 "\r\nAuthorization: Bearer " + token_ +
                                 "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
                                 "\r\n\r\n" + body;
        static_cast<void>(::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL));
        std::array<char, 4096> piece{};
        while (::recv(socket.get(), piece.data(), piece.size(), 0) > 0) {
        }
    }

  private:
    RawConnection connection_;
    std::string id_, token_, path_;
    std::uint16_t port_ = 0;
};

class TrafficOnScreen : public TerminalTest, public testing::WithParamInterface<int> {
  protected:
    void SetUp() override {
        TerminalTest::SetUp();
        start({.env = {{"ZAI_API_KEY", std::string(keys::zai)}, {"MINIMAX_API_KEY", std::string(keys::minimax)}},
               .config = "[session]\nkeys = \"broker\"\n" +
                         std::string(::geteuid() == 0 ? "[broker]\nuser = \"daemon\"\n" : "") +
                         "[providers.zai.claude]\nbase_url = \"http://127.0.0.1:" + std::to_string(provider_->port()) +
                         "/api/anthropic\"\n"});
        session_.emplace(daemon().connect());
        open_terminal({}, {.columns = GetParam(), .rows = 24});
    }

    void refuse() const {
        const auto then =
            std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + std::chrono::hours(3);
        session_->ask(R"([[refuse 429 {"error":{"code":"1308","message":"Limit until )" + utc_text(then) + R"("}}]])");
    }

    /// The row of the session, with these counts: with as much of it as there is room for.
    std::string row(const std::string& state, const std::string& requests, const std::string& tokens) const {
        const bool wide = GetParam() == 80;
        return "\n" + session_->id() + " +claude +zai " + (wide ? "+glm-5.3 " : "") + "+" + state +
               (wide ? "( +[0-9]+ (s|min))?" : "") + " +" + requests + "( +" + tokens + (wide ? ")" : ")?") + "\n";
    }

    static bool has(const std::string& screen, const std::string& regex) {
        return ::testing::Matches(ContainsRegex(regex))(screen);
    }

    std::unique_ptr<Recorder> provider_ = Recorder::start().value();
    std::optional<BrokeredSession> session_;
};

TEST_P(TrafficOnScreen, SessionsCountsIt) {
    session_->ask("[[say one]]");
    session_->ask("[[say two]]");
    refuse();
    // What was the last is counted some moments after its answer.
    for (int i = 0; i < 1000 && call("sessions.list").at_pointer("/sessions/0/requests/total").to_number<int>() < 3;
         ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    terminal().run_on_clear_screen("capsulectl sessions");
    terminal().wait_until(AllOf(ContainsRegex(row("window", "3 \\(1 failed\\)", "20/10")),
                                HasSubstr("\n! " + session_->id() + ": the quota of these hours is used up")));
    terminal().run_on_clear_screen("capsulectl exec claude");
    terminal().wait_until(ContainsRegex("  Z.AI +glm[^ ]+ +key[^ ]* ?[^ ]* +hours used up, again in 2 h 5[0-9] min\n"));
    terminal().press({"Escape"});
    EXPECT_EQ(terminal().wait_for_exit_status(), 130);
}

TEST_P(TrafficOnScreen, SessionsAreWatchedAsTheyWork) {
    session_->ask("[[say one]]");
    terminal().run("capsulectl sessions --watch");
    const auto wait_for_row = [this](const std::string& wanted) {
        return terminal().wait("the row " + wanted,
                               [&](const std::string& screen) { return has("\n" + screen, wanted); });
    };
    wait_for_row(row("live", "1", "10/5"));
    session_->ask("[[say two]]");
    const std::string shown = wait_for_row(row("live", "2", "20/10"));
    EXPECT_EQ(shown.find(session_->id()), shown.rfind(session_->id())) << "in the place of the last one";
    refuse();
    EXPECT_THAT(wait_for_row(row("window", "3 \\(1 failed\\)", "20/10")), HasSubstr("is used up"));
    session_->ask("[[as glm-4.7]]");
    EXPECT_THAT(wait_for_row(row("live", "4 \\(1 failed\\)", "30/15")),
                AllOf(HasSubstr("asked for glm-5.3"), Not(HasSubstr("is used up"))));
    terminal().press({"C-c"});
    EXPECT_EQ(terminal().wait_for_exit_status(), 130);
}

INSTANTIATE_TEST_SUITE_P(Columns, TrafficOnScreen, testing::Values(60, 80));

}  // namespace
}  // namespace capsule::test
