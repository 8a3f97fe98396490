#include "daemon/broker/core/answer_reader.hpp"

#include <gtest/gtest.h>

namespace capsule::broker {
namespace {

using Format = AnswerReader::Format;

struct Read {
    Usage usage;
    std::string model, message, code, type;
    bool is_error = false;
    bool operator==(const Read&) const = default;
};

Read read(Format format, std::string_view text, std::size_t piece) {
    AnswerReader reader(format);
    for (std::size_t at = 0; at < text.size(); at += piece)
        reader.feed(text.substr(at, piece));
    return {reader.usage(), reader.model(), reader.message(), reader.code(), reader.type(), reader.is_error()};
}

/// The same whatever the pieces are.
Read read(Format format, std::string_view text) {
    const Read whole = read(format, text, text.size());
    for (const std::size_t piece : {1, 2, 3, 7, 61})
        EXPECT_EQ(read(format, text, piece), whole) << piece;
    return whole;
}

TEST(AnswerReader, ReadsAnthropicsStream) {
    const Read seen =
        read(Format::events,
             "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"glm-5.3\","
             "\"content\":[],\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":5,"
             "\"cache_creation_input_tokens\":2,\"output_tokens\":1}}}\n\n"
             "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"\\\"usage\\\": "
             "{\\\"output_tokens\\\": 999}\"}}\n\n"
             "event: message_delta\r\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":42}}\r\n\r\n");
    EXPECT_EQ(seen.usage, (Usage{17, 42, 5}));
    EXPECT_EQ(seen.model, "glm-5.3");
}

TEST(AnswerReader, ReadsResponsesStreams) {
    const Read seen =
        read(Format::events,
             "data: {\"type\":\"response.created\",\"response\":{\"model\":\"MiniMax-M3\",\"usage\":null}}\n\n"
             "data: {\"type\":\"response.completed\",\"response\":{\"model\":\"MiniMax-M3\",\"output\":[{\"content\":"
             "[{\"text\":\"x\"}]}],\"usage\":{\"input_tokens\":100,\"input_tokens_details\":{\"cached_tokens\":60},"
             "\"output_tokens\":7,\"total_tokens\":107}}}\n\n");
    EXPECT_EQ(seen.usage, (Usage{100, 7, 60}));
    EXPECT_EQ(seen.model, "MiniMax-M3");
}

TEST(AnswerReader, ReadsChatStreams) {
    const Read seen =
        read(Format::events,
             "data:{\"model\":\"k3\",\"choices\":[{\"delta\":{\"content\":\"h\xc3\xa9\"}}],\"usage\":null}\n\n"
             ": a comment\n\n"
             "data: {\"model\":\"k3\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3,"
             "\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\ndata: [DONE]\n\n");
    EXPECT_EQ(seen.usage, (Usage{9, 3, 4}));
    EXPECT_EQ(seen.model, "k3");
}

TEST(AnswerReader, ReadsWholeAnswers) {
    EXPECT_EQ(read(Format::json,
                   "{\"model\":\"m\",\"usage\":{\"input_tokens\":4,\"output_tokens\":2},\"x\":{\"model\":\"no\"}}")
                  .usage,
              (Usage{4, 2, 0}));
    EXPECT_EQ(read(Format::other, "{\"model\":\"m\",\"usage\":{\"input_tokens\":4}}").usage, Usage{});
    EXPECT_EQ(read(Format::unknown, " {\"usage\":{\"input_tokens\":4}}").usage.input, 4U);
    EXPECT_EQ(read(Format::unknown, "a{\"usage\":{\"input_tokens\":4}}").usage, Usage{});
}

TEST(AnswerReader, ReadsErrors) {
    const Read zai = read(Format::json,
                          "{\"error\":{\"code\":\"1308\",\"message\":\"Usage limit reached for 5 hour. Your limit will "
                          "reset at 2026-11-26 05:44:44\"}}");
    EXPECT_EQ(zai.code, "1308");
    EXPECT_EQ(zai.message, "Usage limit reached for 5 hour. Your limit will reset at 2026-11-26 05:44:44");
    const Read minimax =
        read(Format::json, "{\"base_resp\":{\"status_code\":1008,\"status_msg\":\"insufficient balance\"}}");
    EXPECT_EQ(minimax.code, "1008");
    EXPECT_EQ(minimax.message, "insufficient balance");
    const Read anthropic =
        read(Format::json, "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"a\\nb\"}}");
    EXPECT_EQ(anthropic.type, "rate_limit_error");
    EXPECT_EQ(anthropic.message, "a b");
    EXPECT_EQ(read(Format::json, "{\"base_resp\":{\"status_code\":0}}").code, "");
}

TEST(AnswerReader, ReadsWhenAnErrorEnds) {
    const auto reset = [](Format format, std::string_view text) {
        AnswerReader reader(format);
        reader.feed(text);
        return reader.reset();
    };
    EXPECT_EQ(reset(Format::json, "{\"error\":{\"type\":\"usage_limit_reached\",\"resets_at\":1795723200}}"),
              "1795723200");
    EXPECT_EQ(reset(Format::events, "data: {\"response\":{\"error\":{\"reset_time\":\"x\"}}}\n\n"), "x");
    EXPECT_EQ(reset(Format::json, "{\"error\":{\"resets_at\":null}}"), "");
}

TEST(AnswerReader, ReadsErrorsOfEvents) {
    const std::string before =
        "data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"some text before it\"}}\n\n";
    const Read minimax = read(
        Format::events, before + "data: {\"base_resp\":{\"status_code\":1008,\"status_msg\":\"no\"}}\n\n" + before);
    EXPECT_EQ(minimax.code, "1008");
    const Read anthropic =
        read(Format::events, before + "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n");
    EXPECT_EQ(anthropic.type, "overloaded_error");
    EXPECT_EQ(read(Format::events, before + "data: {\"code\":\"7\",\"msg\":\"x\"}\n\n").code, "");
    EXPECT_EQ(read(Format::json, "{\"code\":200,\"msg\":\"ok\"}").code, "");
    // A name that looks like a path is another name.
    EXPECT_EQ(read(Format::events, "data: {\"base_resp.status_msg\":\"no\"}\n\n").message, "");
}

TEST(AnswerReader, AnEventOfTheTypeErrorIsOneWhateverItsOrder) {
    const std::string before = "data: {\"type\":\"response.output_text.delta\",\"delta\":\"hello\"}\n\n";
    for (const std::string_view event :
         {R"({"type":"error","code":"1308","message":"used up","param":null,"sequence_number":2})",
          R"({"message":"used up","code":1308,"type":"error"})",
          R"({"code":"1308","type":"error","message":"used up"})"}) {
        const Read seen = read(Format::events, before + "event: error\ndata: " + std::string(event) + "\n\n" + before);
        EXPECT_EQ(seen.code, "1308") << event;
        EXPECT_EQ(seen.message, "used up") << event;
        EXPECT_TRUE(seen.is_error);
    }
    EXPECT_TRUE(read(Format::events, "data: {\"type\":\"error\"}\n\n").is_error);
    // The type is that event's own, and is the outermost one.
    for (const std::string_view events :
         {"data: {\"code\":\"7\",\"message\":\"x\"}\n\ndata: {\"model\":\"m\",\"message\":\"y\"}\n\n",
          "data: {\"code\":\"7\",\"usage\":{}}\n\n", "data: {\"item\":{\"type\":\"error\"},\"code\":\"7\"}\n\n",
          "data: {\"message\":\"error\",\"code\":\"error\"}\n\n"}) {
        const Read seen = read(Format::events, events);
        EXPECT_EQ(seen.code, "") << events;
        EXPECT_EQ(seen.message, "") << events;
        EXPECT_FALSE(seen.is_error) << events;
    }
    EXPECT_EQ(read(Format::events, "data: {\"code\":\"7\",\"usage\":{}}\n\ndata: {\"type\":\"error\"}\n\n").code, "");
}

TEST(AnswerReader, AnErrorsWordsMayStandBesideEverything) {
    EXPECT_EQ(read(Format::json, "{\"message\":\"used up\"}").message, "used up");
    EXPECT_FALSE(read(Format::json, "{\"message\":\"done\"}").is_error) << "by its status alone";
    EXPECT_EQ(read(Format::json, "{\"detail\":\"used up\"}").message, "used up");
    EXPECT_EQ(read(Format::json, "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"Field required\"}]}").message,
              "Field required");
    EXPECT_EQ(read(Format::json, "{\"message\":\"Bad Request\",\"error\":{\"message\":\"used up\"}}").message,
              "used up");
    EXPECT_EQ(read(Format::json, "{\"error\":\"Forbidden\",\"message\":\"used up\"}").message, "used up");
    for (const Format format : {Format::json, Format::events}) {
        const std::string field = format == Format::events ? "data: " : "";
        const Read plain = read(format, field + "{\"error\":\"boom\"}\n\n");
        EXPECT_EQ(plain.message, "boom");
        EXPECT_TRUE(plain.is_error);
        EXPECT_TRUE(read(format, field + "{\"error\":{\"message\":\"boom\"}}\n\n").is_error);
        EXPECT_FALSE(read(format, field + "{\"model\":\"m\",\"error\":null}\n\n").is_error);
        EXPECT_FALSE(read(format, field + "{\"model\":\"m\",\"error\":\"\"}\n\n").is_error);
    }
    EXPECT_FALSE(read(Format::json, "{\"choices\":[{\"message\":{\"content\":\"x\",\"detail\":\"y\"}}]}").is_error);
    EXPECT_FALSE(read(Format::json, "{\"base_resp\":{\"status_code\":0,\"status_msg\":\"success\"}}").is_error);
}

TEST(AnswerReader, AStreamThatIsJsonIsReadAsThat) {
    for (const std::string begin : {"", "\n ", "\xef\xbb\xbf"}) {
        const Read seen = read(Format::events, begin + "{\"code\":1310,\"msg\":\"used up\",\"success\":false}");
        EXPECT_EQ(seen.code, "1310");
        EXPECT_EQ(seen.message, "used up");
    }
}

TEST(AnswerReader, ReadsWhatIsEscaped) {
    const auto message = [](const std::string& text) {
        return read(Format::json, "{\"error\":{\"message\":\"" + text + "\"}}").message;
    };
    EXPECT_EQ(message(R"(\u5df2\u8fbe 5 \u0041\/\"\\)"), "\xe5\xb7\xb2\xe8\xbe\xbe 5 A/\"\\");
    EXPECT_EQ(message(R"(\ud83d\uDE00!)"), "\xf0\x9f\x98\x80!");
    EXPECT_EQ(message(R"(\ud83d! \ude00 \ud83d\u0041 \uZZZZ \u12)"),
              "\xef\xbf\xbd! \xef\xbf\xbd \xef\xbf\xbd"
              "A \xef\xbf\xbdZZZZ \xef\xbf\xbd"
              "12");
    EXPECT_EQ(message(R"(a\u001b[2J\u202e\u009bb\u0000c\n)"), "a [2J  b c ") << "nothing that commands a terminal";
    std::string many;
    for (int i = 0; i < 600; ++i)
        many += "\\u5df2";
    EXPECT_EQ(message(many).size(), 498U);
    EXPECT_EQ(message(many.substr(0, 6 * 500 + 3)).size(), 498U);
}

TEST(AnswerReader, CountsOnlyWhatIsSound) {
    EXPECT_EQ(
        read(Format::events, "data: {\"usage\":{\"output_tokens\":50}}\n\ndata: {\"usage\":{\"output_tokens\":20}}\n\n")
            .usage.output,
        50U);
    for (const std::string_view bad : {"-5", "1.5", "\"7\"", "99999999999999999999", "1e3", "null", "{}", "[3]"}) {
        const std::string text = "{\"usage\":{\"output_tokens\":" + std::string(bad) + "}}";
        EXPECT_EQ(read(Format::json, text).usage.output, 0U) << bad;
    }
    EXPECT_EQ(read(Format::events, "data: {\"usage\":{\"output_tok\n\ndata: }}]]{\"usage\":{\"output_tokens\":3}}\n")
                  .usage.output,
              3U);
}

TEST(AnswerReader, TellsOnlyWhatCanBeToldInJson) {
    const Read read_ =
        read(Format::json, "{\"error\":{\"message\":\"a\xff\xc3(\",\"code\":\"\xe2\x82\",\"type\":\"\x1b[2J\"}}");
    EXPECT_EQ(read_.message, "a?\?(");
    EXPECT_EQ(read_.code, "??");
    EXPECT_EQ(read_.type, " [2J");
}

TEST(AnswerReader, KeepsLittleOfALongMessage) {
    const std::string text =
        "{\"error\":{\"message\":\"" + std::string(499, 'a') + "\xc3\xa9" + std::string(9000, 'b') + "\"}}";
    EXPECT_EQ(read(Format::json, text).message, std::string(499, 'a'));
}

TEST(RequestReader, FindsTheModelWhereverItStands) {
    RequestReader reader;
    constexpr std::string_view body =
        "{\"messages\":[{\"model\":\"no\",\"content\":\"\\\"model\\\":\\\"no\\\"\"}],\"model\":\"glm-5.3\"}";
    for (const char c : body)
        reader.feed({&c, 1});
    EXPECT_EQ(reader.model(), "glm-5.3");
}

// As the standard on server-sent events has it.
TEST(AnswerReader, AnEventMayTakeSeveralLines) {
    const Read seen =
        read(Format::events,
             "event: message_start\ndata: {\"type\":\"message_start\",\ndata: \"message\":{\"model\":\"m\",\n"
             "data:\"usage\":\ndata: {\"input_tokens\":10,\n: a comment\ndata: \"output_tokens\":1}}}\n\n"
             "data: {\"delta\":\ndata: {\"usage\":\ndata: {\"output_tokens\":999}}}\n\n"
             "data: {\"usage\":\n\ndata: {\"output_tokens\":888}\n\n"
             "data: {\ndata:\ndata: \"usage\":{\"output_tokens\":\ndata: 42}}\n\n");
    EXPECT_EQ(seen.usage, (Usage{10, 42, 0}));
    EXPECT_EQ(seen.model, "m");
}

TEST(AnswerReader, AStreamMayBeginWithAByteOrderMark) {
    const std::string event = "data: {\"usage\":{\"output_tokens\":3}}\n\n";
    EXPECT_EQ(read(Format::events, "\xef\xbb\xbf" + event).usage.output, 3U);
    EXPECT_EQ(read(Format::events, "\xef\xbb" + event).usage.output, 0U) << "a field of another name";
    EXPECT_EQ(read(Format::events, "\n\xef\xbb\xbf" + event).usage.output, 0U) << "only at the begin";
}

TEST(AnswerReader, ALineMayEndWithACarriageReturn) {
    for (const std::string end : {"\r", "\r\n", "\n"}) {
        const Read seen = read(Format::events, "event: a" + end + "data: {\"model\":\"m\"," + end +
                                                   "data: \"usage\":{\"output_tokens\":3}}" + end + end + ": x" + end +
                                                   end + "data: {\"usage\":{\"output_tokens\":5}}" + end + end);
        EXPECT_EQ(seen.usage.output, 5U);
        EXPECT_EQ(seen.model, "m");
    }
}

}  // namespace
}  // namespace capsule::broker
