#include "protocol/utf8.hpp"

#include <gtest/gtest.h>

#include <string>

namespace capsule {
namespace {

TEST(Utf8, ReadsTheFirstCharacter) {
    const auto code = [](std::string_view text) { return static_cast<unsigned>(first_utf8_character(text).code); };
    EXPECT_EQ(code("a"), 0x61U);
    EXPECT_EQ(code(std::string_view("\0b", 2)), 0U);
    EXPECT_EQ(code("\xc3\xa9x"), 0xE9U);
    EXPECT_EQ(code("\xe2\x80\xa6"), 0x2026U);
    EXPECT_EQ(code("\xf4\x8f\xbf\xbf"), 0x10FFFFU);
    EXPECT_EQ(first_utf8_character("\xe2\x80\xa6x").bytes, 3U);
}

TEST(Utf8, RefusesWhatRfc3629Refuses) {
    for (const char* text : {"\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf0\x80\x80\xaf",
                             "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3", "\xe2\x80", "\xe2\x28\xa1"}) {
        EXPECT_EQ(first_utf8_character(text).bytes, 0U) << text;
        EXPECT_FALSE(is_utf8(std::string("a") + text)) << text;
    }
    EXPECT_TRUE(is_utf8(""));
    EXPECT_TRUE(is_utf8("caf\xc3\xa9 \xe2\x80\xa6"));
}

TEST(Utf8, MakesAnybodysTextReadable) {
    EXPECT_EQ(readable_text("caf\xc3\xa9\n\x1b[2J \xff\xe2\x28 \xc2\x9b", 100), "caf\xc3\xa9  [2J ?\?(  ");
    EXPECT_EQ(readable_text("ab\xe2\x80\xa6", 4), "ab") << "no half character";
    EXPECT_EQ(readable_text("a\u202eb\u2066c\u200fd", 100), "a b c d") << "what turns text";
    EXPECT_EQ(readable_text("ab\xe2\x80\xa6", 5), "ab\xe2\x80\xa6");
}

TEST(Utf8, WritesEachCharacterAsItReadsIt) {
    for (const char32_t code : {0x0U, 0x7fU, 0x80U, 0x7ffU, 0x800U, 0xfffdU, 0xffffU, 0x10000U, 0x10ffffU}) {
        std::string text;
        append_utf8(text, code);
        const Utf8Character read = first_utf8_character(text);
        EXPECT_EQ(read.code, code);
        EXPECT_EQ(read.bytes, text.size());
    }
}

TEST(Utf8, NoByteIsLostThatCannotBeSaid) {
    EXPECT_EQ(with_bytes_escaped("caf\xc3\xa9 caf\xe9 and more"), "caf\xc3\xa9 caf\\xe9 and more");
    EXPECT_EQ(with_bytes_escaped("\xe2\x80"), "\\xe2\\x80");
    EXPECT_EQ(with_bytes_escaped("\"\xff\"", escaped_backslash), R"("\\xff")");
    for (std::size_t before = 0; before < 20; ++before)
        EXPECT_FALSE(is_utf8(std::string(before, 'a') + "\xff" + std::string(20, 'b'))) << before;
}

}  // namespace
}  // namespace capsule
