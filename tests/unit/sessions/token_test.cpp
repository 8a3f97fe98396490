#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "daemon/sessions/sha256.hpp"
#include "daemon/sessions/token.hpp"

namespace capsule {
namespace {

/// FIPS 180-4's and NIST's own examples, and the lengths at which the padding takes another block.
TEST(Sha256, IsTheStandards) {
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(sha256_hex(std::string(55, 'a')), "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
    EXPECT_EQ(sha256_hex(std::string(56, 'a')), "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
    EXPECT_EQ(sha256_hex(std::string(64, 'a')), "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
    EXPECT_EQ(sha256_hex(std::string(1'000'000, 'a')),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Token, HasItsShapeAndNeverComesTwice) {
    const std::regex shape("cst_[A-Za-z0-9_-]{43}");
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const Secret token = make_token();
        EXPECT_TRUE(std::regex_match(std::string(token.reveal()), shape)) << token.reveal();
        EXPECT_TRUE(seen.emplace(token.reveal()).second);
        EXPECT_TRUE(std::regex_match(make_session_id(), std::regex("[a-z2-7]{10}")));
    }
}

/// 32 bytes are 42 characters and two thirds of one: the last has 4 bits of them, and no more.
TEST(Token, HasAll256Bits) {
    std::set<char> last;
    std::set<char> others;
    for (int i = 0; i < 2000; ++i) {
        const Secret token = make_token();
        last.insert(token.reveal().back());
        for (const char c : token.reveal().substr(4, 42))
            others.insert(c);
    }
    EXPECT_EQ(last.size(), 16U);
    EXPECT_EQ(others.size(), 64U);
}

}  // namespace
}  // namespace capsule
