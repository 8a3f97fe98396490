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

TEST(LineReader, HandsOutWholeLinesOnly) {
    LineReader reader;
    reader.append("one\ntwo\nthr");
    EXPECT_EQ(all_lines(reader), (Lines{"one", "two"}));
    EXPECT_TRUE(reader.partial());
    reader.append("ee\n");
    EXPECT_EQ(all_lines(reader), Lines{"three"});
    EXPECT_FALSE(reader.partial());
}

TEST(LineReader, TakesBytesInAnyPortions) {
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

TEST(LineReader, DropsOneCarriageReturnAndSkipsBlankLines) {
    LineReader reader;
    reader.append("\r\n\n  \t\r\na\r\r\nb\r\n");
    EXPECT_EQ(all_lines(reader), (Lines{"a\r", "b"}));
}

// They are no request, so nobody counts them: what a read of 64 KiB of them costs would be nobody's turn.
TEST(LineReader, EndsWhereBlankLinesGoOn) {
    LineReader reader;
    const std::string most(most_blank, '\n');
    for (int i = 0; i < 3; ++i) {
        reader.append(most + "a\n");
        EXPECT_EQ(all_lines(reader), Lines{"a"});
        EXPECT_FALSE(reader.too_long());
    }
    reader.append(most);
    EXPECT_EQ(reader.next(), std::nullopt);
    EXPECT_FALSE(reader.too_blank());
    reader.append("\n" + most + "a\nb");
    EXPECT_EQ(reader.next(), std::nullopt);
    EXPECT_TRUE(reader.too_blank());
    EXPECT_TRUE(reader.too_long());
    EXPECT_EQ(reader.unread(), most.size() + 3) << "nothing more is looked at";
    EXPECT_EQ(reader.next(), std::nullopt);
    EXPECT_EQ(reader.rest(), std::nullopt);
}

TEST(LineReader, CountsWhatStandsInABlankLine) {
    LineReader reader;
    reader.append(std::string(most_blank, ' ') + "\nnext\n");
    EXPECT_EQ(reader.next(), std::nullopt);
    EXPECT_TRUE(reader.too_blank());
}

TEST(LineReader, KnowsWhetherALineHasBegun) {
    LineReader reader;
    EXPECT_FALSE(reader.partial());
    reader.append("x\n");
    EXPECT_FALSE(reader.partial()) << "whole, though not handed out yet";
    reader.next();
    EXPECT_FALSE(reader.partial());
    reader.append("y");
    EXPECT_TRUE(reader.partial());
}

TEST(LineReader, GivesTheRestAtTheEnd) {
    LineReader reader;
    reader.append("one\ntwo\r");
    EXPECT_EQ(all_lines(reader), Lines{"one"});
    EXPECT_EQ(reader.rest(), "two");
    EXPECT_EQ(reader.rest(), std::nullopt);
}

TEST(LineReader, GivesNoBlankRest) {
    LineReader reader;
    reader.append("one\n \r");
    EXPECT_EQ(all_lines(reader), Lines{"one"});
    EXPECT_EQ(reader.rest(), std::nullopt);
    EXPECT_FALSE(reader.partial());
}

TEST(LineReader, AllowsALineOfJustTheLimit) {
    LineReader reader(4);
    reader.append("abcd\nefgh\r\nijkl\r");
    EXPECT_FALSE(reader.too_long());
    EXPECT_EQ(all_lines(reader), (Lines{"abcd", "efgh"}));
    EXPECT_FALSE(reader.too_long());
    EXPECT_EQ(reader.rest(), "ijkl");
}

TEST(LineReader, StopsAtAWholeLineOverTheLimit) {
    LineReader reader(4);
    reader.append("ok\nabcde\nnext\n");
    EXPECT_FALSE(reader.too_long());
    EXPECT_EQ(all_lines(reader), Lines{"ok"});
    EXPECT_TRUE(reader.too_long());
    EXPECT_EQ(reader.next(), std::nullopt) << "it does not resynchronise";
}

TEST(LineReader, StopsAtAHalfLineOverTheLimit) {
    LineReader reader(4);
    reader.append("abcd");
    EXPECT_EQ(reader.next(), std::nullopt);
    EXPECT_FALSE(reader.too_long());
    reader.append("e");
    EXPECT_EQ(reader.next(), std::nullopt);
    EXPECT_TRUE(reader.too_long());
    EXPECT_EQ(reader.rest(), std::nullopt);
}

TEST(LineReader, KeepsLongPipelinesApart) {
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

TEST(LineReader, ReadsStraightIntoItsRoom) {
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
TEST(LineReader, LeavesNothingInMemoryThatItGivesBack) {
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
