#include "daemon/broker/core/key_mask.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>
#include <vector>

namespace capsule::broker {
namespace {

std::string masked(std::string_view text, std::string_view key, std::size_t piece) {
    const KeyForms forms{Secret(key)};
    KeyMask mask{forms};
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

/// As masked(), of the whole at once; each way of cutting gives the same.
std::string masked(std::string_view text, std::string_view key) {
    const std::string out = masked(text, key, text.size());
    for (std::size_t piece = 1; piece < text.size(); ++piece)
        EXPECT_EQ(masked(text, key, piece), out) << piece;
    return out;
}

constexpr std::string_view sharp_key = "FAKE/zai+key_a=b.c/0123";

/// The key with each character of `which` written as `as` says.
std::string written(std::string_view which, const auto& as) {
    std::string out;
    for (const char c : sharp_key)
        out += which.find(c) == std::string_view::npos ? std::string(1, c) : as(c);
    return out;
}

std::string printed(const char* format, char c) {
    std::array<char, 16> out{};
    std::snprintf(out.data(), out.size(), format, c);
    return out.data();
}

constexpr std::string_view sharp_characters = "/+_=.";

TEST(KeyMask, FindsTheKeyAsJsonUrlsAndHtmlWriteIt) {
    const auto entity = [](char c) {
        return c == '/' ? "&sol;" : c == '+' ? "&plus;" : c == '=' ? "&equals;" : c == '.' ? "&period;" : "&lowbar;";
    };
    std::vector<std::string> forms{written("/", [](char) { return "\\/"; }), written(sharp_characters, entity)};
    for (const char* format : {"\\u%04x", "\\u%04X", "%%%02x", "%%%02X", "&#x%x;", "&#X%02X;", "&#%d;", "&#0%d;"})
        for (const std::string_view which : {sharp_characters, sharp_key})
            forms.push_back(written(which, [&](char c) { return printed(format, c); }));
    for (const std::string& form : forms)
        EXPECT_EQ(masked("\"key " + form + "\", \\n&c. 5%", sharp_key),
                  "\"key " + std::string(form.size(), '*') + "\", \\n&c. 5%")
            << form;
}

TEST(KeyMask, FindsItWithEscapesOfEscapes) {
    for (const std::string& form : {written("/", [](char) { return "\\\\\\/"; }),
                                    written(sharp_characters, [](char c) { return printed("\\\\u%04x", c); }),
                                    written(sharp_characters, [](char c) { return printed("%%25%02X", c); }),
                                    written(sharp_characters, [](char c) { return printed("&amp;#x%x;", c); }),
                                    written(sharp_characters, [](char c) { return printed("\\u0026#x%x;", c); })})
        EXPECT_EQ(masked("<" + form + ">", sharp_key), "<" + std::string(form.size(), '*') + ">") << form;
}

TEST(KeyMask, FindsItInBase64WhateverStandsAroundIt) {
    // base64 of "FAKE/zai+key_a=b.c/0123" with 0, 1 or 2 characters before it; what its neighbours share, stays
    EXPECT_EQ(masked("k RkFLRS96YWkra2V5X2E9Yi5jLzAxMjM= k", sharp_key), "k " + std::string(30, '*') + "M= k");
    EXPECT_EQ(masked("k eEZBS0UvemFpK2tleV9hPWIuYy8wMTIz k", sharp_key), "k eE" + std::string(30, '*') + " k");
    EXPECT_EQ(masked("k eHhGQUtFL3phaStrZXlfYT1iLmMvMDEyMw== k", sharp_key), "k eHh" + std::string(30, '*') + "w== k");
    // ... of the other alphabet, and with escapes of what is sharp in it
    EXPECT_EQ(masked("eEZBS0UvemFpK2tleV9hPWIuYy8wMTIz", sharp_key), "eE" + std::string(30, '*'));
    EXPECT_EQ(masked("_w/\u002b-8 Pz8_Pj4-", "?\x3f?>>>"), "_w/\u002b-8 ********");
    EXPECT_EQ(masked("Pj4%2BPz8\\/",
                     ">>>??"
                     "?"),
              std::string(11, '*'));
}

TEST(KeyMask, FindsItInBase64ThatIsWrittenInLines) {
    const std::string far = "\n" + std::string(32, ' ');
    for (const std::string& line :
         std::vector<std::string>{"\n", "\r\n", "\\n", "\\r\\n", "%0D%0A", "\\u000a", "&#10;", "\\\\n", "\n  ",
                                  "\r\n\t", "\\n  ", "\\n\\t", "%0A%20", far}) {
        EXPECT_EQ(masked("k eEZBS0" + line + "UvemFpK2tleV" + line + "9hPWIuYy8wMTIz k", sharp_key),
                  "k eE" + std::string(30 + 2 * line.size(), '*') + " k");
    }
    for (const std::string& lines :
         {std::string("k eE\nZBS\n\n\n0UvemFpK2tleV9hPWIuYy8wMTIz FAKE/zai\n+key_a=b.c/0123"),
          "eEZBS0" + far + " UvemFpK2tleV9hPWIuYy8wMTIz", std::string("eEZBS0 UvemFpK2tleV9hPWIuYy8wMTIz")})
        EXPECT_EQ(masked(lines, sharp_key), lines) << "no base64 has empty lines, and no key an end of one";
    const KeyForms forms{Secret(sharp_key)};
    KeyMask mask{forms};
    EXPECT_EQ(mask.feed("Z" + std::string(10'000, '\n')).size(), 10'001) << "it is held back without end";
}

TEST(KeyMask, WhatOnlyBeginsAnEscapeStaysAsItIs) {
    constexpr std::string_view text = R"(100% & \ \u00 &#x; &#; &nosuch; &#x999999999; %2 &#97;&#10; \u)";
    EXPECT_EQ(masked(text, sharp_key), text);
    EXPECT_EQ(masked("%FAKE/zai+key_a=b.c/0123&", sharp_key), "%" + std::string(23, '*') + "&");
    EXPECT_EQ(masked("a%41&b", "%41&"), "a****b") << "a key that looks like an escape";
    EXPECT_EQ(masked("at the end: x%25", "x%"), "at the end: ****");
}

TEST(KeyMask, KeepsNoMoreThanTheKeysLengthSays) {
    const KeyForms forms{Secret(sharp_key)};
    KeyMask mask{forms};
    std::size_t given = 0;
    for (int i = 0; i < 100'000; ++i) {
        given += mask.feed("FAKE&amp;&#x").size();
        ASSERT_GT(given + 144 * 32, 12U * (static_cast<std::size_t>(i) + 1));
    }
}

TEST(KeyMask, HoldsBackNoMoreThanABegunKey) {
    const KeyForms forms{Secret("FAKE-key")};
    KeyMask mask{forms};
    EXPECT_EQ(mask.feed("your FAKE"), "your ");
    EXPECT_EQ(mask.feed("-kex"), "FAKE-kex");
    EXPECT_EQ(mask.finish(), "");
}

TEST(WithoutSecrets, MasksTheKeyAndABeginOfItAtTheEnd) {
    const KeyForms key{Secret("FAKE-secret-key")};
    EXPECT_EQ(without_secrets("invalid key FAKE-secret-key, sorry", key), "invalid key ***************, sorry");
    EXPECT_EQ(without_secrets("cut in FAKE-secret-k", key), "cut in ");
    EXPECT_EQ(without_secrets("of Frank F", key), "of Frank F");
    EXPECT_EQ(without_secrets("invalid key FAKE%2Dsecret&#45;key, sorry", key),
              "invalid key *********************, sorry");
    EXPECT_EQ(without_secrets("in base64: RkFLRS1zZWNyZXQta2V5", key), "in base64: ********************");
    EXPECT_EQ(without_secrets("cut in FAKE%2Dsecret&#45;k", key), "cut in ");
    EXPECT_EQ(without_secrets("cut in RkFLRS1zZWNy", key), "cut in ");
}

TEST(WithoutSecrets, LeavesFourCharactersOfAPartThatAProviderShows) {
    const KeyForms key{Secret("sk-FAKE-1234567890abcd")};
    EXPECT_EQ(without_secrets("Incorrect API key provided: sk-FAKE-********90abcd. Get one", key),
              "Incorrect API key provided: ******************abcd. Get one");
    EXPECT_EQ(without_secrets("key sk-FAKE... is wrong", key), "key *******... is wrong");
    EXPECT_EQ(without_secrets("it ends with 567890abcd", key), "it ends with ******abcd");
    EXPECT_EQ(without_secrets("keys begin with sk- and end in abcd", key), "keys begin with sk- and end in abcd");
}

TEST(KeyMask, OfNoKeyPassesAll) {
    EXPECT_EQ(masked("anything", "", 3), "anything");
}

TEST(KeyMask, MasksAHeadWhateverItsWords) {
    const KeyForms key(Secret("FAKE/key+of=a-provider"));
    const std::string plain = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
    EXPECT_EQ(head_without_key(plain, key), plain);
    for (const std::string& in : {std::string("FAKE/key+of=a-provider"), std::string("FAKE%2Fkey%2Bof%3Da-provider")}) {
        const std::string head = "HTTP/1.1 200 OK\r\nA: b\r\n";
        for (const std::string& line : {in, "X:" + in + "\r\n", "X: " + in + "\r\nB: c\r\n\r\n"}) {
            const std::string out = head_without_key(head + line, key);
            EXPECT_EQ(out.size(), (head + line).size());
            EXPECT_EQ(out.find(in), std::string::npos) << out;
        }
    }
    EXPECT_EQ(head_without_key(plain, KeyForms(Secret(""))), plain);
    EXPECT_EQ(head_without_key("A: of two%20words\r\n", KeyForms(Secret("two words"))), "A: of ***********\r\n");
    EXPECT_EQ(head_without_key("A: of two words\r\n", KeyForms(Secret("two words"))), "A: of *********\r\n");
}

TEST(WithoutSecrets, MasksEveryToken) {
    const KeyForms key{Secret("FAKE-secret-key")};
    const std::string token = "cst_FAKE" + std::string(39, 'x');
    EXPECT_EQ(without_secrets("no model " + token + ", nor " + token, key),
              "no model cst_" + std::string(43, '*') + ", nor cst_" + std::string(43, '*'));
    EXPECT_EQ(without_secrets("cut: cst_FAKE-t", key), "cut: cst_******");
    EXPECT_EQ(without_secrets("cst_", key), "cst_");
}

}  // namespace
}  // namespace capsule::broker
