#include "daemon/broker/core/key_mask.hpp"

#include <gtest/gtest.h>

namespace capsule::broker {
namespace {

std::string masked(std::string_view text, std::string_view key, std::size_t piece) {
    KeyMask mask{Secret(key)};
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += piece)
        out += mask.feed(text.substr(at, piece));
    out += mask.finish();
    return out;
}

TEST(KeyMask, FindsTheKeyHoweverTheAnswerIsCut) {
    constexpr std::string_view key = "FAKE-FAKE-key";
    constexpr std::string_view text = "no FAKE-FAKE-FAKE-key, FAKE-FAKE-keyFAKE-FAKE-ke FAKE-";
    for (std::size_t piece = 1; piece <= text.size(); ++piece)
        EXPECT_EQ(masked(text, key, piece), "no FAKE-*************, *************FAKE-FAKE-ke FAKE-") << piece;
}

TEST(KeyMask, HoldsBackNoMoreThanABegunKey) {
    KeyMask mask{Secret("FAKE-key")};
    EXPECT_EQ(mask.feed("your FAKE"), "your ");
    EXPECT_EQ(mask.feed("-kex"), "FAKE-kex");
    EXPECT_EQ(mask.finish(), "");
}

TEST(WithoutSecrets, MasksTheKeyAndABeginOfItAtTheEnd) {
    const Secret key("FAKE-secret-key");
    EXPECT_EQ(without_secrets("invalid key FAKE-secret-key, sorry", key), "invalid key ***************, sorry");
    EXPECT_EQ(without_secrets("cut in FAKE-secret-k", key), "cut in ");
    EXPECT_EQ(without_secrets("of Frank F", key), "of Frank F");
}

TEST(WithoutSecrets, LeavesFourCharactersOfAPartThatAProviderShows) {
    const Secret key("sk-FAKE-1234567890abcd");
    EXPECT_EQ(without_secrets("Incorrect API key provided: sk-FAKE-********90abcd. Get one", key),
              "Incorrect API key provided: ******************abcd. Get one");
    EXPECT_EQ(without_secrets("key sk-FAKE... is wrong", key), "key *******... is wrong");
    EXPECT_EQ(without_secrets("it ends with 567890abcd", key), "it ends with ******abcd");
    EXPECT_EQ(without_secrets("keys begin with sk- and end in abcd", key), "keys begin with sk- and end in abcd");
}

TEST(KeyMask, OfNoKeyPassesAll) {
    EXPECT_EQ(masked("anything", "", 3), "anything");
}

TEST(WithoutSecrets, MasksEveryToken) {
    const Secret key("FAKE-secret-key");
    const std::string token = "cst_FAKE" + std::string(39, 'x');
    EXPECT_EQ(without_secrets("no model " + token + ", nor " + token, key),
              "no model cst_" + std::string(43, '*') + ", nor cst_" + std::string(43, '*'));
    EXPECT_EQ(without_secrets("cut: cst_FAKE-t", key), "cut: cst_******");
    EXPECT_EQ(without_secrets("cst_", key), "cst_");
}

}  // namespace
}  // namespace capsule::broker
