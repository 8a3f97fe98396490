#include "daemon/broker/core/error_words.hpp"

#include <gtest/gtest.h>

#include <string>

#include "daemon/broker/core/answer_reader.hpp"

namespace capsule::broker {
namespace {

bool seen(std::string_view text, std::size_t piece) {
    ErrorWords words;
    for (std::size_t at = 0; at < text.size(); at += piece)
        words.feed(text.substr(at, piece));
    return words.seen();
}

TEST(ErrorWords, AreFoundHoweverTheAnswerIsCut) {
    for (const std::string_view word :
         {R"("type":"error")", R"("error":{)", R"("error" : "no")", R"("base_resp":{"status_code":1004,)",
          R"("code":401,)", R"("error":nu)", R"("\u0065rror":)", R"("base\u005Fresp":)"})
        for (std::size_t before = 0; before < 90; ++before)
            for (std::size_t piece = 1; piece < 100; ++piece)
                EXPECT_TRUE(seen(std::string(before, ' ') + std::string(word), piece)) << word << before << piece;
}

TEST(ErrorWords, ThoseThatSayNothingOfAnErrorAreNone) {
    constexpr std::string_view text =
        R"({"error":null,"code" : null,"x":"\"error\":1, no error, code, event, base_resp \u0022\u0045\u00e9\u0","error":  null})";
    EXPECT_FALSE(seen(text, text.size()));
    EXPECT_FALSE(seen(std::string(100, '"') + std::string(100, 'e'), 7));
}

TEST(ErrorWords, AStreamIsKnownForAnErrorBeforeTheErrorHasEnded) {
    const std::string dull = "event: x\ndata: {\"type\":\"x\"}\n\n";
    for (const std::string name : {"error", "err\\u006fr"}) {
        const std::string text = dull + dull + "event: error\ndata: {\"" + name + "\":{\"message\":\"no";
        for (std::size_t piece = 1; piece <= text.size(); ++piece) {
            AnswerReader reader(AnswerReader::Format::events);
            for (std::size_t at = 0; at < text.size(); at += piece) {
                EXPECT_FALSE(at < 2 * dull.size() && reader.may_be_error()) << piece;
                reader.feed(std::string_view(text).substr(at, piece));
            }
            EXPECT_TRUE(reader.may_be_error()) << piece;
            EXPECT_FALSE(reader.is_error()) << piece;
        }
        AnswerReader reader(AnswerReader::Format::events);
        reader.feed(text + "\"}}\n\n" + dull);
        EXPECT_TRUE(reader.may_be_error()) << "of an event that has come whole";
    }
}

}  // namespace
}  // namespace capsule::broker
