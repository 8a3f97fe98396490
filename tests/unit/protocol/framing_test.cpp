#include "protocol/framing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "tests/support/freed_memory.hpp"

namespace capsule {
namespace {

std::vector<std::string> all_lines(LineReader& reader) {
    std::vector<std::string> lines;
    while (const auto line = reader.next())
        lines.emplace_back(*line);
    return lines;
}

using Lines = std::vector<std::string>;

TEST(LineReader, hands_out_whole_lines_only) {
    LineReader reader;
    reader.append("one\ntwo\nthr");
    EXPECT_EQ(all_lines(reader), (Lines{"one", "two"}));
    EXPECT_TRUE(reader.partial());
    reader.append("ee\n");
    EXPECT_EQ(all_lines(reader), Lines{"three"});
    EXPECT_FALSE(reader.partial());
}

TEST(LineReader, takes_bytes_in_any_portions) {
    const std::string text = "{\"a\":1}\r\n\n\r\nsecond line\n";
    for (std::size_t size = 1; size <= text.size(); ++size) {
        LineReader reader;
        Lines lines;
        for (std::size_t at = 0; at < text.size(); at += size) {
            reader.append(std::string_view(text).substr(at, size));
            while (const auto line = reader.next())
                lines.emplace_back(*line);
        }
        EXPECT_EQ(lines, (Lines{"{\"a\":1}", "second line"})) << size;
    }
}

TEST(LineReader, drops_one_carriage_return_and_skips_blank_lines) {
    LineReader reader;
    reader.append("\r\n\n  \t\r\na\r\r\nb\r\n");
    EXPECT_EQ(all_lines(reader), (Lines{"a\r", "b"}));
}

TEST(LineReader, knows_whether_a_line_has_begun) {
    LineReader reader;
    EXPECT_FALSE(reader.partial());
    reader.append("x\n");
    EXPECT_FALSE(reader.partial()) << "whole, though not handed out yet";
    reader.next();
    EXPECT_FALSE(reader.partial());
    reader.append("y");
    EXPECT_TRUE(reader.partial());
}

TEST(LineReader, gives_the_rest_at_the_end) {
    LineReader reader;
    reader.append("one\ntwo\r");
    EXPECT_EQ(all_lines(reader), Lines{"one"});
    EXPECT_EQ(reader.rest(), "two");
    EXPECT_EQ(reader.rest(), std::nullopt);
}

TEST(LineReader, gives_no_blank_rest) {
    LineReader reader;
    reader.append("one\n \r");
    EXPECT_EQ(all_lines(reader), Lines{"one"});
    EXPECT_EQ(reader.rest(), std::nullopt);
    EXPECT_FALSE(reader.partial());
}

TEST(LineReader, allows_a_line_of_just_the_limit) {
    LineReader reader(4);
    reader.append("abcd\nefgh\r\nijkl\r");
    EXPECT_FALSE(reader.too_long());
    EXPECT_EQ(all_lines(reader), (Lines{"abcd", "efgh"}));
    EXPECT_FALSE(reader.too_long());
    EXPECT_EQ(reader.rest(), "ijkl");
}

TEST(LineReader, stops_at_a_whole_line_over_the_limit) {
    LineReader reader(4);
    reader.append("ok\nabcde\nnext\n");
    EXPECT_FALSE(reader.too_long());
    EXPECT_EQ(all_lines(reader), Lines{"ok"});
    EXPECT_TRUE(reader.too_long());
    EXPECT_EQ(reader.next(), std::nullopt) << "it does not resynchronise";
}

TEST(LineReader, stops_at_a_half_line_over_the_limit) {
    LineReader reader(4);
    reader.append("abcd");
    EXPECT_EQ(reader.next(), std::nullopt);
    EXPECT_FALSE(reader.too_long());
    reader.append("e");
    EXPECT_EQ(reader.next(), std::nullopt);
    EXPECT_TRUE(reader.too_long());
    EXPECT_EQ(reader.rest(), std::nullopt);
}

TEST(LineReader, keeps_long_pipelines_apart) {
    LineReader reader;
    std::size_t seen = 0;
    for (int round = 0; round < 1000; ++round) {
        reader.append("{\"id\":" + std::to_string(round) + "}\n{\"half\":");
        EXPECT_EQ(reader.next(), (round == 0 ? "" : "{\"half\":") + ("{\"id\":" + std::to_string(round)) + "}");
        ++seen;
        EXPECT_EQ(reader.next(), std::nullopt);
    }
    EXPECT_EQ(seen, 1000U);
}

TEST(LineReader, reads_straight_into_its_room) {
    LineReader reader;
    std::string all;
    for (const std::string_view part : {"on", "e\ntwo\nth", "ree", "\n"}) {
        const std::span<char> room = reader.room(part.size() + 5);
        ASSERT_GE(room.size(), part.size());
        std::copy(part.begin(), part.end(), room.begin());
        reader.added(part.size());
        while (const auto line = reader.next())
            all += std::string(*line) + "|";
    }
    EXPECT_EQ(all, "one|two|three|");
}

// A client's library has no operator delete that zeroes.
TEST(LineReader, leaves_nothing_in_memory_that_it_gives_back) {
    const std::string key = "sk-FAKE-in-a-request-0001";
    test::look_in_freed_memory_for(std::string_view(key).substr(4));
    {
        LineReader lines;
        lines.append(key);
        lines.append(std::string(100'000, 'x'));  // takes another buffer
        lines.append("\n");
        lines.append(key);
        EXPECT_TRUE(lines.next());
    }
    EXPECT_EQ(test::freed_with_it(), 0U);
    test::look_in_freed_memory_for({});
}

}  // namespace
}  // namespace capsule
