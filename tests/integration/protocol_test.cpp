// JSON-RPC 2.0 over the real socket.
#include <algorithm>
#include <set>
#include <thread>

#include "protocol/framing.hpp"
#include "protocol/json_rpc.hpp"
#include "tests/support/capsule_test.hpp"

namespace capsule::test {
namespace {

using ::testing::HasSubstr;

class Protocol : public CapsuleTest {
  protected:
    void SetUp() override { start(); }

    static int error_number(const std::string& answer) { return at(parse(answer), "/error/code").to_number<int>(); }
};

/// What stands after "id": in an answer, as it was written.
std::string raw_id(const std::string& answer) {
    const std::size_t begin = answer.find("\"id\":") + 5;
    if (answer[begin] == '"') return answer.substr(begin, answer.find('"', begin + 1) + 1 - begin);
    return answer.substr(begin, answer.find_first_of(",}", begin) - begin);
}

TEST_F(Protocol, AnswersPipelinedRequestsInTheirOrder) {
    RawConnection connection = daemon().connect();
    std::string all;
    for (int i = 0; i < 300; ++i) {
        const std::string id = std::to_string(i);
        switch (i % 4) {
            case 0:
                all += request(id, "status");
                break;
            case 1:
                all += request(id, "spawn", R"({"agent":"claude","provider":"zai"})");
                break;
            case 2:
                all += request(id, "spawn", R"({"agent":"codex","provider":"minimax"})");
                break;
            default:
                all += request(id, "no.such.method");
                break;
        }
        all += "\n";
    }
    std::jthread sender([&] { connection.send(all); });  // not waiting for answers must not stop the daemon's reading
    for (int i = 0; i < 300; ++i) {
        const json::value answer = parse(connection.read_line().value());
        EXPECT_EQ(at(answer, "/id").to_number<int>(), i);
        EXPECT_EQ(has(answer, "/error"), i % 4 == 3) << json::serialize(answer);
    }
}

TEST_F(Protocol, KeepsTheOrderWhenAnEarlierRequestTakesLonger) {
    agents_.delay_codex_models(std::chrono::seconds(2));
    RawConnection connection = daemon().connect();
    connection.send(request("1", "spawn", R"({"agent":"codex","provider":"minimax"})") + "\n" + request("2", "status") +
                    "\n");
    EXPECT_EQ(raw_id(connection.read_line().value()), "1");
    EXPECT_EQ(raw_id(connection.read_line().value()), "2");
}

TEST_F(Protocol, GivesIdsBackWithTheirValueUnchanged) {
    RawConnection connection = daemon().connect();
    for (const char* id : {"18446744073709551615", "-9223372036854775808", "1.5", "-0", "1e3", "0.1000000000000000055",
                           "123456789012345678901234567890", "null", "\"\"", "\"seven\"", "\"18446744073709551615\""}) {
        EXPECT_EQ(raw_id(connection.ask(request(id, "status"))), id);
        EXPECT_EQ(raw_id(connection.ask(request(id, "no.such.method"))), id) << "in an error";
    }
    EXPECT_EQ(at(parse(connection.ask(request(R"("a\"b\u00e9\ud83d\ude00\n")", "status"))), "/id").as_string(),
              "a\"b\u00e9\U0001F600\n");
}

TEST_F(Protocol, DoesNotAnswerNotifications) {
    RawConnection connection = daemon().connect();
    connection.send_line(R"({"jsonrpc":"2.0","method":"status"})");
    connection.send_line(R"({"jsonrpc":"2.0","method":"no.such.method"})");
    connection.send_line(R"({"jsonrpc":"2.0","method":"spawn","params":{"agent":"nobody"}})");
    connection.send_line(R"([{"jsonrpc":"2.0","method":"status"},{"jsonrpc":"2.0","method":"status","params":{}}])");
    EXPECT_EQ(raw_id(connection.ask(request("7", "status"))), "7");
}

TEST_F(Protocol, ANotificationIsCarriedOutAllTheSame) {
    RawConnection connection = daemon().connect();
    connection.send_line(R"({"jsonrpc":"2.0","method":"config.write","params":{"agent":"opencode"}})");
    connection.ask(request("1", "status"));
    EXPECT_TRUE(std::filesystem::exists(home() / ".config/opencode/opencode.json"));
}

TEST_F(Protocol, AnswersABatchWithOneArray) {
    RawConnection connection = daemon().connect();
    const json::value answers = parse(connection.ask(
        "[" + request("1", "status") + R"(,{"jsonrpc":"2.0","method":"status"},)" +
        request("\"two\"", "no.such.method") + "," + request("null", "rpc.discover") + ",1,{\"id\":5}]"));
    std::multiset<std::string> ids;
    for (const json::value& answer : answers.as_array())
        ids.insert(json::serialize(at(answer, "/id")));
    EXPECT_EQ(answers.as_array().size(), 5U) << json::serialize(answers);
    EXPECT_EQ(ids.count("1"), 1U);
    EXPECT_EQ(ids.count("\"two\""), 1U);
    EXPECT_GE(ids.count("null"), 2U);
    for (const json::value& answer : answers.as_array())
        if (at(answer, "/id").is_string()) {
            EXPECT_EQ(at(answer, "/error/code").to_number<int>(), -32601);
        }
}

TEST_F(Protocol, RefusesEmptyAndOversizedBatchesOnce) {
    RawConnection connection = daemon().connect();
    const auto batch = [](std::size_t count) {
        std::string text = "[";
        for (std::size_t i = 0; i < count; ++i)
            text += (i ? "," : "") + request(std::to_string(i), "status");
        return text + "]";
    };
    EXPECT_EQ(parse(connection.ask(batch(max_batch))).as_array().size(), max_batch);
    for (const std::string& bad : {std::string("[]"), batch(max_batch + 1)}) {
        const std::string answer = connection.ask(bad);
        EXPECT_EQ(error_number(answer), -32600);
        EXPECT_EQ(raw_id(answer), "null");
    }
    const json::value answers = parse(connection.ask("[1,\"x\",[]]"));
    EXPECT_EQ(answers.as_array().size(), 3U);
    for (const json::value& answer : answers.as_array()) {
        EXPECT_EQ(at(answer, "/error/code").to_number<int>(), -32600);
        EXPECT_TRUE(at(answer, "/id").is_null());
    }
}

TEST_F(Protocol, ToleratesCarriageReturnsAndEmptyLines) {
    RawConnection connection = daemon().connect();
    connection.send("\n\r\n\n" + request("1", "status") + "\r\n\n\n" + request("2", "status") + "\n\r\n");
    EXPECT_EQ(raw_id(connection.read_line().value()), "1");
    EXPECT_EQ(raw_id(connection.read_line().value()), "2");
    EXPECT_TRUE(connection.silent_for(std::chrono::milliseconds(100)));
}

TEST_F(Protocol, TakesARequestByteByByte) {
    RawConnection connection = daemon().connect();
    for (const char byte : request("1", "status") + "\n")
        connection.send(std::string_view(&byte, 1));
    EXPECT_EQ(raw_id(connection.read_line().value()), "1");
}

TEST_F(Protocol, AHalfClosedClientStillGetsItsAnswers) {
    agents_.delay_codex_models(std::chrono::seconds(1));
    RawConnection connection = daemon().connect();
    connection.send(request("1", "spawn", R"({"agent":"codex","provider":"minimax"})") + "\n" + request("2", "status"));
    connection.half_close();  // the last line has no end: the end of the stream is one
    const std::vector<std::string> answers = connection.read_to_end();
    ASSERT_EQ(answers.size(), 2U);
    EXPECT_EQ(raw_id(answers[0]), "1");
    EXPECT_EQ(raw_id(answers[1]), "2");
}

TEST_F(Protocol, AClientThatVanishesCostsNothing) {
    agents_.delay_codex_models(std::chrono::seconds(1));
    for (int i = 0; i < 20; ++i) {
        RawConnection connection = daemon().connect();
        connection.send(request("1", "spawn", R"({"agent":"codex","provider":"minimax"})") + "\n{\"jsonrpc\":");
    }
    expect_alive();
}

TEST_F(Protocol, RefusesALineOverTheLimitAndClosesTheConnection) {
    const std::string small = request("1", "status");
    RawConnection exact = daemon().connect();
    exact.send_line(small + std::string(max_line - small.size(), ' '));
    EXPECT_EQ(raw_id(exact.read_line().value()), "1");

    for (const char* end : {"\n", ""}) {  // found out when it is too long, not when its end comes
        RawConnection connection = daemon().connect();
        connection.send(request("1", "status") + "\n" + std::string(max_line + 1, 'x') + end);
        EXPECT_EQ(raw_id(connection.read_line().value()), "1");
        const std::string answer = connection.read_line().value();
        EXPECT_EQ(error_number(answer), -32009);
        EXPECT_EQ(text_at(parse(answer), "/error/data/code"), "request.too_large");
        EXPECT_FALSE(text_at(parse(answer), "/error/data/hint").empty());
        EXPECT_EQ(raw_id(answer), "null");
        EXPECT_FALSE(connection.read_line()) << "closed";
    }
    expect_alive();
}

TEST_F(Protocol, RefusesWhatIsNoJson) {
    RawConnection connection = daemon().connect();
    const std::string deep = std::string(max_nesting + 8, '[') + std::string(max_nesting + 8, ']');
    const std::string bombs = std::string(100'000, '[');
    for (const std::string& bad :
         {std::string("{"), std::string("hello"), std::string("{\"jsonrpc\":\"2.0\",}"), std::string("{} {}"),
          std::string("'x'"), std::string("[1,]"), std::string("{\"a\":\"\xff\xfe\"}"), std::string("nul"),
          std::string("{\"a\":\"\x01\"}"), std::string("\"\xed\xa0\x80\""), request("1", "status", deep), bombs}) {
        const std::string answer = connection.ask(bad);
        EXPECT_EQ(error_number(answer), -32700) << bad.substr(0, 60);
        EXPECT_EQ(raw_id(answer), "null") << bad.substr(0, 60);
    }
    EXPECT_EQ(raw_id(connection.ask(request("1", "status"))), "1") << "the connection goes on";
}

TEST_F(Protocol, RefusesWhatIsNoRequest) {
    RawConnection connection = daemon().connect();
    for (const char* bad : {
             "1",
             "\"x\"",
             "null",
             "true",
             "{}",
             R"({"id":1,"method":"status"})",
             R"({"jsonrpc":"1.0","id":1,"method":"status"})",
             R"({"jsonrpc":2.0,"id":1,"method":"status"})",
             R"({"jsonrpc":"2.0","id":1})",
             R"({"jsonrpc":"2.0","id":1,"method":7})",
             R"({"jsonrpc":"2.0","id":{},"method":"status"})",
             R"({"jsonrpc":"2.0","id":[1],"method":"status"})",
             R"({"jsonrpc":"2.0","id":true,"method":"status"})",
             R"({"jsonrpc":"2.0","id":1,"id":2,"method":"status"})",
             R"({"jsonrpc":"2.0","id":1,"method":"status","method":"reload"})",
             R"({"jsonrpc":"2.0","id":1,"method":"status","params":{},"params":{}})",
             R"({"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"status"})",
             R"({"jsonrpc":"2.0","id":1,"method":"spawn","params":{"agent":"claude","agent":"codex"}})",
             R"({"jsonrpc":"2.0","id":1,"method":"spawn","params":{"agent":"claude","\u0061gent":"codex"}})",
             R"({"jsonrpc":"2.0","id":1,"method":"spawn","params":{"agent":"claude","env":{"TERM":"a","TERM":"b"}}})",
             R"({"jsonrpc":"2.0","id":1,"method":"status","parms":{}})",
             R"({"jsonrpc":"2.0","id":1,"method":"status","params":5})",
             R"({"jsonrpc":"2.0","id":1,"method":"status","params":"x"})",
         }) {
        const std::string answer = connection.ask(bad);
        EXPECT_EQ(error_number(answer), -32600) << bad << "\n" << answer;
    }
    EXPECT_EQ(raw_id(connection.ask(R"({"jsonrpc":"2.0","id":9,"method":5})")), "9");
    EXPECT_EQ(raw_id(connection.ask(request("1", "status"))), "1");
}

TEST_F(Protocol, TakesEmptyParamsInEveryForm) {
    RawConnection connection = daemon().connect();
    for (const char* method : {"status", "rpc.discover", "reload", "auth.list"}) {
        const std::string head = R"({"jsonrpc":"2.0","id":1,"method":")" + std::string(method) + "\"";
        for (const char* tail : {"}", R"(,"params":{}})", R"(,"params":[]})"})
            EXPECT_TRUE(has(parse(connection.ask(head + tail)), "/result")) << method << tail;
        EXPECT_EQ(error_number(connection.ask(head + R"(,"params":[1]})")), -32602) << method;
    }
}

TEST_F(Protocol, ServesManyConnectionsAtOnce) {
    std::vector<RawConnection> connections;
    for (int i = 0; i < 200; ++i)
        connections.push_back(daemon().connect());
    for (RawConnection& connection : connections)
        connection.send_line(request("1", "status"));
    for (RawConnection& connection : connections)
        EXPECT_EQ(raw_id(connection.read_line().value()), "1");
    EXPECT_GE(at(call("status"), "/connections/open").to_number<int>(), 200);
}

TEST_F(Protocol, DiscoverNamesEveryMethodThatWorksAndNoOther) {
    const json::value document = call("rpc.discover");
    EXPECT_TRUE(text_at(document, "/openrpc").starts_with("1.")) << json::serialize(document);
    EXPECT_FALSE(text_at(document, "/info/title").empty());
    std::set<std::string> names;
    for (const json::value& method : at(document, "/methods").as_array()) {
        names.insert(text_at(method, "/name"));
        EXPECT_TRUE(at(method, "/params").is_array());
        EXPECT_TRUE(has(method, "/result/schema")) << json::serialize(method);
        // A method that is named is there: with an unknown member it is found, and refuses that.
        EXPECT_EQ(at(refused(text_at(method, "/name"), R"({"no_such":1})"), "/code").to_number<int>(), -32602);
    }
    for (const char* name :
         {"status", "providers.list", "auth.list", "spawn", "explain", "config.write", "reload", "rpc.discover"})
        EXPECT_TRUE(names.contains(name)) << name;
    for (const char* name : {"auth.set", "auth.unset"})
        if (!names.contains(name)) {
            EXPECT_EQ(at(refused(name), "/code").to_number<int>(), -32601) << name;
        }
    const json::value& spawn = find_by(at(document, "/methods"), "name", "spawn");
    EXPECT_TRUE(at(find_by(at(spawn, "/params"), "name", "agent"), "/required").as_bool());
    for (const char* name : {"provider", "model", "workspace", "role", "env", "cwd"})
        find_by(at(spawn, "/params"), "name", name);
}

}  // namespace
}  // namespace capsule::test
