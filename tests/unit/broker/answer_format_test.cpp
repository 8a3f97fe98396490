// What an answer is, by its head and by how it begins.
#include <gtest/gtest.h>

#include <string>

#include "daemon/broker/core/answer_reader.hpp"

namespace capsule::broker {
namespace {

using Format = AnswerReader::Format;

TEST(AnswerReader, KnowsFormats) {
    EXPECT_EQ(AnswerReader::format_of("text/event-stream; charset=utf-8", ""), Format::events);
    EXPECT_EQ(AnswerReader::format_of("application/json", "identity"), Format::json);
    EXPECT_EQ(AnswerReader::format_of("application/problem+json", ""), Format::json);
    EXPECT_EQ(AnswerReader::format_of("application/json", "gzip"), Format::other);
    EXPECT_EQ(AnswerReader::format_of("text/html", ""), Format::other);
    EXPECT_EQ(AnswerReader::format_of("application/JSON\t;charset=utf-8", ""), Format::json);
    EXPECT_EQ(AnswerReader::format_of("application/problem+JSON", ""), Format::json);
    EXPECT_EQ(AnswerReader::format_of("+json", ""), Format::other);
    EXPECT_EQ(AnswerReader::format_of("text/plain, application/json", ""), Format::json);
    EXPECT_EQ(AnswerReader::format_of("application/json, Text/Event-Stream", ""), Format::events);
    EXPECT_EQ(AnswerReader::format_of("text/plain,text/html", ""), Format::unknown);
    EXPECT_EQ(AnswerReader::format_of("", ""), Format::unknown);
    EXPECT_EQ(AnswerReader::format_of("", "gzip"), Format::other);
    for (const char* type : {"text/json", "Text/X-JSON;charset=utf-8", "application/json-seq", "application/x-ndjson",
                             "application/jsonl", "\"application/json\"", "application/json5"})
        EXPECT_EQ(AnswerReader::format_of(type, ""), Format::json) << type;
    EXPECT_EQ(AnswerReader::format_of("json/plain", ""), Format::other);
}

TEST(AnswerReader, KnowsCodingsThatCompress) {
    for (const char* coding : {"gzip", "GZip", "x-gzip", "deflate", "compress", "br", "zstd", "gzip;q=1"})
        EXPECT_EQ(AnswerReader::format_of("application/json", coding), Format::other) << coding;
    for (const char* coding : {"utf-8", "none", "binary", "8bit", "\"identity\"", "identity;q=1", "b", ""})
        EXPECT_EQ(AnswerReader::format_of("application/json", coding), Format::json) << coding;
}

TEST(AnswerReader, KnowsByItsFirstCharacterWhatHasNoType) {
    const std::string error = R"({"error":{"message":"no"}})";
    for (const std::string& text :
         {error, "[" + error + "]", " \r\n" + error, "data: " + error + "\n\n", "event: error\ndata: " + error + "\n\n",
          ": a comment\n\ndata: " + error + "\n\n"}) {
        AnswerReader reader(Format::unknown);
        for (const char c : text)
            reader.feed({&c, 1});
        EXPECT_TRUE(reader.may_be_error()) << text;
    }
    AnswerReader reader(Format::unknown);
    reader.feed("<p>" + error);
    EXPECT_FALSE(reader.may_be_error());
}

}  // namespace
}  // namespace capsule::broker
