#include "client/client.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <map>
#include <set>
#include <thread>
#include <tuple>

#include "client/exit_code.hpp"
#include "protocol/json_rpc.hpp"
#include "protocol/unique_fd.hpp"
#include "test_server.hpp"

namespace capsule {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;
using Kind = ClientError::Kind;

constexpr std::string_view config_result =
    R"({"path":"/etc/capsule/capsule.toml","loaded_at":null,"ok":true,"error":null})";

std::string error_for(const Error& error) {
    return error_answer({"1"}, error) + "\n";
}

TEST(ClientSocketPath, IsTheSystemsWhereAUserHasNoPlaceOfItsOwn) {
    const auto path = [](std::map<std::string, std::string, std::less<>> env) {
        return *client_socket_path({}, 1000, [&](std::string_view name) {
            const auto found = env.find(name);
            return found == env.end() ? std::nullopt : std::optional(found->second);
        });
    };
    EXPECT_EQ(path({}), "/run/capsule/capsule.sock");
    EXPECT_EQ(path({{"XDG_RUNTIME_DIR", "/run/user/1000"}}), "/run/user/1000/capsule/capsule.sock");
    EXPECT_EQ(path({{"CAPSULE_SOCKET", "/s"}}), "/s");
    EXPECT_EQ(*client_socket_path("/given", 1000, [](std::string_view) { return std::nullopt; }), "/given");
}

TEST(Client, GivesTypedResults) {
    TestServer server([](const std::string& line) { return result_for(line, config_result); });
    auto client = Client::connect(server.path());
    ASSERT_TRUE(client);
    for (int i = 0; i < 3; ++i) {
        const auto config = client->reload();
        ASSERT_TRUE(config);
        EXPECT_EQ(config->path, "/etc/capsule/capsule.toml");
    }
}

constexpr std::string_view reloaded =
    R"({"jsonrpc":"2.0","method":"config.reloaded","params":{"config":{"path":null,"loaded_at":null,"ok":true,"error":null}}})"
    "\n";

TEST(Client, KeepsNotificationsThatComeBeforeAnAnswer) {
    TestServer server([](const std::string& line) { return std::string(reloaded) + result_for(line, config_result); });
    auto client = Client::connect(server.path());
    ASSERT_TRUE(client);
    for (int i = 0; i < 2; ++i)
        ASSERT_TRUE(client->reload());
    for (int i = 0; i < 2; ++i) {
        const auto notification = client->next_notification(0ms);
        ASSERT_TRUE(notification && *notification);
        EXPECT_EQ((*notification)->method, "config.reloaded");
        const auto notice = result_as<ConfigNotice>((*notification)->params);
        ASSERT_TRUE(notice);
        EXPECT_TRUE(notice->config.ok);
    }
    const auto none = client->next_notification(20ms);
    ASSERT_TRUE(none);
    EXPECT_FALSE(*none);
    EXPECT_TRUE(client->reload()) << "the connection is as good as before";
}

TEST(Client, WaitsForANotificationUntilTheConnectionEnds) {
    int asked = 0;
    TestServer server([&](const std::string& line) {
        return asked++ == 0 ? result_for(line, R"({"notifications":["config.reloaded"]})") + std::string(reloaded)
                            : std::string();
    });
    auto client = Client::connect(server.path());
    ASSERT_TRUE(client);
    const auto subscribed = client->subscribe();
    ASSERT_TRUE(subscribed);
    EXPECT_EQ(subscribed->notifications, std::vector<std::string>{"config.reloaded"});
    const auto first = client->next_notification(5000ms);
    ASSERT_TRUE(first && *first);
    EXPECT_FALSE(client->reload()) << "the server ends the connection";
    const auto ended = client->next_notification(5000ms);
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().kind, Kind::broken);
}

TEST(Client, SendsOnlyTheParamsThatAreSet) {
    std::string seen;
    TestServer server([&](const std::string& line) {
        seen = line;
        return error_for({ErrorCode::key_absent, "no key", "get one"});
    });
    auto client = Client::connect(server.path());
    ASSERT_TRUE(client);
    SpawnParams params;
    params.agent = "claude";
    params.env = {{"TERM", "xterm"}};
    const auto session = client->spawn(params);
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error(), (ClientError{Kind::answered, {ErrorCode::key_absent, "no key", "get one"}}));
    const auto request = boost::json::parse(seen);
    EXPECT_EQ(request.at("method"), "spawn");
    EXPECT_EQ(request.at("params"), boost::json::parse(R"({"agent":"claude","env":{"TERM":"xterm"}})"));
    EXPECT_EQ(params_json(AuthSetParams{"zai", "v", AuthScope{"acme", {}}}),
              boost::json::parse(R"({"provider":"zai","value":"v","scope":{"workspace":"acme"}})"));
}

TEST(Client, PipelinesCallsWithAnOutcomeEach) {
    int count = 0;
    TestServer server([&](const std::string& line) {
        if (++count == 2) return error_answer({"2"}, {ErrorCode::agent_unknown, "m", "h"}) + "\n";
        return result_for(line, std::to_string(count));
    });
    auto client = Client::connect(server.path());
    ASSERT_TRUE(client);
    const auto outcomes = client->call_all({{"a"}, {"b"}, {"c"}});
    ASSERT_TRUE(outcomes);
    ASSERT_EQ(outcomes->size(), 3U);
    EXPECT_EQ(*(*outcomes)[0], 1);
    EXPECT_EQ((*outcomes)[1].error().error.code, ErrorCode::agent_unknown);
    EXPECT_EQ(*(*outcomes)[2], 3);
}

TEST(Client, IgnoresMembersOfNewerResultsAndRefusesLackingOnes) {
    EXPECT_TRUE(result_as<ConfigStatus>(boost::json::parse(R"({"ok":true,"path":null,"more":1})")));
    EXPECT_EQ(result_as<ConfigStatus>(boost::json::parse(R"({"ok":"yes"})")).error().kind, Kind::broken);
}

TEST(Client, TellsWhyNobodyIsThere) {
    TemporaryDirectory directory;
    const std::string path = directory.path() + "/s";
    const auto missing = Client::connect(path);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().kind, Kind::unreachable);
    EXPECT_THAT(missing.error().error.message, HasSubstr("no socket at " + path));
    EXPECT_THAT(missing.error().error.hint, HasSubstr("start it"));
    { Listener listener(path, 1); }
    const auto stale = Client::connect(path);
    ASSERT_FALSE(stale);
    EXPECT_EQ(stale.error().kind, Kind::unreachable);
    EXPECT_THAT(stale.error().error.message, HasSubstr("is gone"));
    EXPECT_EQ(exit_code_for(stale.error()), ExitCode::unreachable);
    EXPECT_EQ(Client::connect(std::string(200, 'x')).error().kind, Kind::unreachable);
    EXPECT_EQ(Client::connect("").error().kind, Kind::unreachable);
}

TEST(Client, TellsALackOfPermissionFromALackOfDaemon) {
    TemporaryDirectory directory;
    const std::string path = directory.path() + "/s";
    Listener listener(path, 1);
    ::chmod(path.c_str(), 0);
    const uid_t before = ::geteuid();
    ::chmod(directory.path().c_str(), 0755);
    if (before == 0) {  // who may open anything
        ASSERT_EQ(::seteuid(65534), 0);
    }
    const auto client = Client::connect(path);
    if (before == 0) {
        ASSERT_EQ(::seteuid(0), 0);
    }
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().kind, Kind::denied);
    EXPECT_EQ(exit_code_for(client.error()), ExitCode::denied);
}

TEST(Client, DoesNotWaitForeverForAnAnswer) {
    TestServer server([](const std::string&) { return std::string(TestServer::silence); });
    auto client = Client::connect(server.path(), 50ms);
    ASSERT_TRUE(client);
    EXPECT_EQ(client->reload().error().kind, Kind::timed_out);
    EXPECT_EQ(client->reload().error().kind, Kind::broken) << "the connection is closed";
}

// Each byte comes in time, and there is never a whole line.
TEST(Client, DoesNotWaitForeverForAnAnswerThatComesByteByByte) {
    TemporaryDirectory directory;
    const std::string path = directory.path() + "/s";
    const Listener listener(path, 4);
    std::atomic<bool> stop = false;
    std::thread drip([&] {
        const UniqueFd peer(::accept(listener.descriptor(), nullptr, nullptr));
        char asked = 0;
        std::ignore = ::recv(peer.get(), &asked, 1, 0);  // who is not asked yet is not believed
        while (!stop && ::send(peer.get(), " ", 1, MSG_NOSIGNAL) == 1)
            std::this_thread::sleep_for(5ms);
    });
    auto client = Client::connect(path, 200ms);
    EXPECT_TRUE(client);
    if (client) {
        EXPECT_EQ(client->reload().error().kind, Kind::timed_out);
    }
    stop = true;
    drip.join();
}

TEST(Client, TakesOnlySoManyNotificationsBeforeAnAnswer) {
    TestServer server([](const std::string& line) {
        std::string flood;
        for (int i = 0; i < 5000; ++i)
            flood += reloaded;
        return flood + result_for(line, config_result);
    });
    auto client = Client::connect(server.path());
    ASSERT_TRUE(client);
    const auto outcome = client->reload();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().kind, Kind::broken);
}

TEST(Client, DoesNotWaitForeverForAFullBacklog) {
    TemporaryDirectory directory;
    const std::string path = directory.path() + "/s";
    Listener listener(path, 0);
    std::vector<Client> waiting;
    for (int i = 0; i < 8; ++i) {
        auto client = Client::connect(path, 50ms);
        if (!client) {
            EXPECT_EQ(client.error().kind, Kind::timed_out);
            return;
        }
        waiting.push_back(*std::move(client));
    }
    FAIL() << "the backlog never filled";
}

TEST(Client, NoticesAnEndBeforeTheAnswer) {
    TestServer server([](const std::string&) { return std::string(); });
    auto client = Client::connect(server.path());
    ASSERT_TRUE(client);
    EXPECT_EQ(client->reload().error().kind, Kind::broken);
}

TEST(Client, RefusesWhatIsNoAnswerToItsRequest) {
    for (const std::string reply : {"hello\n", "{}\n",
                                    R"({"jsonrpc":"2.0","id":7,"result":1})"
                                    "\n"}) {
        TestServer server([&](const std::string&) { return reply; });
        auto client = Client::connect(server.path());
        ASSERT_TRUE(client);
        EXPECT_EQ(client->discover().error().kind, Kind::broken) << reply;
    }
}

TEST(Client, TakesAnErrorWithoutIdForTheAnswer) {
    TestServer server([](const std::string&) {
        return error_answer({}, {ErrorCode::request_too_large, "too large", ""}) + "\n";
    });
    auto client = Client::connect(server.path());
    ASSERT_TRUE(client);
    EXPECT_EQ(client->discover().error().error.code, ErrorCode::request_too_large);
}

std::set<int> inheritable_descriptors() {
    std::set<int> found;
    for (int descriptor = 3; descriptor < 256; ++descriptor) {
        const int flags = ::fcntl(descriptor, F_GETFD);
        if (flags >= 0 && (flags & FD_CLOEXEC) == 0) found.insert(descriptor);
    }
    return found;
}

TEST(Client, HandsNothingToALaunchersChildren) {
    const auto before = inheritable_descriptors();
    TestServer server([](const std::string& line) { return result_for(line, "1"); });
    auto client = Client::connect(server.path());
    ASSERT_TRUE(client);
    ASSERT_TRUE(client->discover());
    EXPECT_EQ(inheritable_descriptors(), before);
}

TEST(ExitCodes, AreThoseOfTheManual) {
    const auto code = [](ErrorCode error) { return exit_code_for(ClientError{Kind::answered, {error, "", ""}}); };
    EXPECT_EQ(static_cast<int>(code(ErrorCode::internal_error)), 1);
    EXPECT_EQ(static_cast<int>(code(ErrorCode::io_error)), 1);
    EXPECT_EQ(static_cast<int>(code(ErrorCode::invalid_params)), 2);
    EXPECT_EQ(static_cast<int>(code(ErrorCode::agent_unknown)), 2);
    EXPECT_EQ(static_cast<int>(code(ErrorCode::provider_unknown)), 2);
    EXPECT_EQ(static_cast<int>(code(ErrorCode::access_denied)), 4);
    EXPECT_EQ(static_cast<int>(code(ErrorCode::key_absent)), 5);
    EXPECT_EQ(static_cast<int>(code(ErrorCode::key_error)), 5);
    EXPECT_EQ(static_cast<int>(code(ErrorCode::cell_blocked)), 6);
    EXPECT_EQ(static_cast<int>(code(ErrorCode::cell_unsupported)), 6);
    EXPECT_EQ(static_cast<int>(code(ErrorCode::config_conflict)), 7);
    EXPECT_EQ(static_cast<int>(exit_code_for(ClientError{Kind::timed_out, {}})), 3);
    EXPECT_EQ(static_cast<int>(exit_code_for(ClientError{Kind::broken, {}})), 1);
    EXPECT_EQ(static_cast<int>(ExitCode::cancelled), 130);
}

}  // namespace
}  // namespace capsule
