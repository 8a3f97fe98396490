#include "daemon/agents/quoting.hpp"

#include <gtest/gtest.h>

namespace capsule {
namespace {

TEST(TomlString, QuotesWhatTomlWants) {
    EXPECT_EQ(toml_string("MiniMax"), "\"MiniMax\"");
    EXPECT_EQ(toml_string(R"(a"b\c)"), R"("a\"b\\c")");
    EXPECT_EQ(toml_string("a\nb\x01\x7f"), R"("a\u000Ab\u0001\u007F")");
    EXPECT_EQ(toml_string("…é"), "\"…é\"");
    EXPECT_EQ(toml_string(""), "\"\"");
}

TEST(PercentEncode, KeepsWhatAFileNameMayHave) {
    EXPECT_EQ(percent_encode("MiniMax-M2.7_x"), "MiniMax-M2.7_x");
    EXPECT_EQ(percent_encode("a/b%c:d"), "a%2Fb%25c%3Ad");
    EXPECT_EQ(percent_encode("é"), "%C3%A9");
}

}  // namespace
}  // namespace capsule
