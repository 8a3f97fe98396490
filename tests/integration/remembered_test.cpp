// Answers that are given again: each request gets its own, and nobody another one's. Each test makes sure that there is
// a remembered answer first.
#include "tests/integration/remembered_fixture.hpp"

namespace capsule::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(Remembered, EveryAgentsSession) {
    start();
    for (const char* params : {claude_zai, codex_minimax, opencode_zai, R"({"agent":"claude","provider":"anthropic"})",
                               R"({"agent":"codex","provider":"openai"})", R"({"agent":"claude","provider":"kimi"})"}) {
        const json::value first = call("spawn", params);
        const json::value again = settle(params);
        EXPECT_EQ(at(again, "/env"), at(first, "/env")) << params;
        EXPECT_EQ(at(again, "/argv"), at(first, "/argv")) << params;
        EXPECT_EQ(at(again, "/unset"), at(first, "/unset")) << params;
    }
}

TEST_F(Remembered, EachRequestGetsItsOwnId) {
    start();
    settle(claude_zai);
    RawConnection connection = daemon().connect();
    for (const char* id : {"1", "2", "0", "18446744073709551615", "99999999999999999999999", R"("abc")", R"("a-b_c.1")",
                           R"("with space")", "1.5", "-7", "null", R"("")", "1e3"}) {
        const json::value answer = parse(connection.ask(request(id, "spawn", claude_zai)));
        EXPECT_TRUE(has(answer, "/result")) << id;
        const std::string text = connection.ask(request(id, "spawn", claude_zai));
        EXPECT_THAT(text, HasSubstr(std::string(R"("id":)") + id + ",")) << id;
    }
    EXPECT_THAT(connection.ask(request("01", "spawn", claude_zai)), HasSubstr("-32700"));
}

TEST_F(Remembered, AnIdWithinTheParamsIsNotTheRequests) {
    start({.config = "[session]\npassthrough = [\"id\"]\n"});
    const auto line = [](const char* inner, const char* id) {
        return std::string(
                   R"({"jsonrpc":"2.0","method":"spawn","params":{"agent":"claude","provider":"zai","env":{"id":)") +
               inner + R"(}},"id":)" + id + "}";
    };
    RawConnection connection = daemon().connect();
    for (const auto& [inner, id] :
         {std::pair{R"("a")", "1"}, {R"("a")", "1"}, {R"("b")", "1"}, {R"("b")", R"("b")"}, {R"("c")", R"("b")"}}) {
        const json::value answer = parse(connection.ask(line(inner, id)));
        EXPECT_EQ(at(answer, "/id"), parse(id));
        EXPECT_EQ(at(answer, "/result/env/id"), parse(inner));
    }
}

TEST_F(Remembered, AreCountedAndLoggedLikeOthers) {
    start();
    settle(claude_zai);
    const auto total = [&] { return at(call("status"), "/requests/total").to_number<std::int64_t>(); };
    const auto logged = [&] {
        std::istringstream lines(daemon().log());
        std::size_t count = 0;
        for (std::string line; std::getline(lines, line);)
            if (line.find(" spawn uid=" + std::to_string(::getuid()) + " ") != line.npos) ++count;
        return count;
    };
    const std::int64_t before = total();
    const std::size_t lines_before = logged();
    RawConnection connection = daemon().connect();
    for (int i = 0; i < 5; ++i) {
        connection.ask(request("1", "spawn", claude_zai));
        EXPECT_EQ(logged(), lines_before + static_cast<std::size_t>(i) + 1) << "before the answer is there";
    }
    EXPECT_EQ(total(), before + 6);
}

TEST_F(Remembered, StatusHasItsCountersOfTheMoment) {
    start();
    std::int64_t before = remembered();
    for (int i = 0; i < 100 && remembered() == before; ++i) {
        before = remembered();
        call("status");
        std::this_thread::sleep_for(std::chrono::milliseconds(10));  // the agents' versions are being found out
    }
    ASSERT_GT(remembered(), before);
    RawConnection connection = daemon().connect();
    const auto status = [&] { return at(parse(connection.ask(request("1", "status"))), "/result"); };
    json::value first = status();
    EXPECT_THAT(connection.ask(request("1", "spawn")), HasSubstr("-32602"));
    json::value second = status();
    EXPECT_GT(at(second, "/uptime_s").to_number<double>(), at(first, "/uptime_s").to_number<double>());
    for (const auto& [counter, more] : {std::pair{"total", 2}, {"errors", 1}, {"remembered", 1}}) {
        const std::string pointer = std::string("/requests/") + counter;
        EXPECT_EQ(at(second, pointer).to_number<int>(), at(first, pointer).to_number<int>() + more) << counter;
    }
    EXPECT_EQ(at(second, "/connections/open").to_number<int>(), 1);
    for (json::value* each : {&first, &second})
        for (const char* member : {"uptime_s", "requests", "connections"})
            each->as_object().erase(member);
    EXPECT_EQ(first, second);
}

TEST_F(Remembered, StatusSeesWhatChanges) {
    start({.env = with(all_keys(), {{"KIMI_CODE_API_KEY", ""}, {"KIMI_CODE_API_KEY_FILE", (dir_ / "kimi").string()}})});
    const auto state = [&] { return text_at(find_by(at(call("status"), "/providers"), "id", "kimi"), "/key/state"); };
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(state(), "error");
    write_file(dir_ / "kimi", "sk-ki-FAKE-in-a-file");
    EXPECT_EQ(state(), "present");
    agents_.remove("opencode");
    EXPECT_TRUE(at(find_by(at(call("status"), "/agents"), "id", "opencode"), "/binary").is_null());
    write_file(config_file(), "nonsense");
    call("status");
    daemon().connect().ask(request("1", "reload"));
    EXPECT_FALSE(at(call("status"), "/config/ok").as_bool());
}

TEST_F(Remembered, ANotificationGetsNoAnswer) {
    start();
    settle(claude_zai);
    RawConnection connection = daemon().connect();
    connection.send_line(R"({"jsonrpc":"2.0","method":"spawn","params":)" + std::string(claude_zai) + "}");
    EXPECT_THAT(connection.ask(request("7", "status")), HasSubstr(R"("id":7)"));
}

TEST_F(Remembered, PipelinesKeepTheirOrderWhateverIsKnown) {
    start();
    settle(claude_zai);
    settle(codex_minimax);
    RawConnection connection = daemon().connect();
    std::string all;
    constexpr int requests = 300;
    for (int i = 0; i < requests; ++i)
        all += request(std::to_string(i), i % 7 == 3 ? "status" : "spawn",
                       i % 7 == 3    ? "{}"
                       : i % 11 == 5 ? R"({"agent":"claude","provider":"nobody"})"
                       : i % 3 == 0  ? codex_minimax
                                     : claude_zai) +
               "\n";
    connection.send(all);
    for (int i = 0; i < requests; ++i) {
        const json::value answer = parse(connection.read_line().value());
        ASSERT_EQ(at(answer, "/id").to_number<int>(), i);
        EXPECT_EQ(has(answer, "/error"), i % 7 != 3 && i % 11 == 5);
    }
}

TEST_F(Remembered, NeverReachWhoMayNotAsk) {
    if (!am_root()) GTEST_SKIP() << "needs root to be another user";
    start();
    fs::permissions(dir_.path(), fs::perms{0755});
    fs::permissions(socket().parent_path(), fs::perms{0755});
    fs::permissions(socket(), fs::perms{0666});
    settle(claude_zai);
    const Outcome other = run_command(
        {.argv = {"/usr/bin/socat", "-", "UNIX-CONNECT:" + socket().string()}, .cwd = "/", .identity = nobody},
        request("1", "spawn", claude_zai) + "\n");
    EXPECT_THAT(other.out, HasSubstr("access.denied"));
    EXPECT_THAT(other.out, Not(HasSubstr(keys::mark)));
}

TEST_F(Remembered, ASessionThatLooksAtADirectoryIsWorkedOutAnew) {
    start();
    const std::string params = R"({"agent":"claude","provider":"zai","cwd":")" + home().string() + "\"}";
    const std::int64_t before = remembered();
    for (int i = 0; i < 4; ++i)
        call("spawn", params);
    EXPECT_EQ(remembered(), before);
}

}  // namespace
}  // namespace capsule::test
