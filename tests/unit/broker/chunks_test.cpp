#include "daemon/broker/core/chunks.hpp"

#include <gtest/gtest.h>

#include <string>

namespace capsule::broker {
namespace {

struct Scanned {
    ChunkScanner::State state;
    std::string payload;
    std::size_t taken;
};

Scanned scan(std::string_view bytes, std::size_t piece) {
    ChunkScanner scanner;
    Scanned out{ChunkScanner::State::more, "", 0};
    for (std::size_t at = 0; at < bytes.size() && scanner.state() == ChunkScanner::State::more; at += piece)
        out.taken += scanner.scan(bytes.substr(at, piece), [&](std::string_view part) { out.payload += part; });
    out.state = scanner.state();
    return out;
}

TEST(ChunkScanner, FindsPayloadAndEndHoweverItIsCut) {
    constexpr std::string_view body = "3\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\nnext";
    for (std::size_t piece = 1; piece <= body.size(); ++piece) {
        const Scanned seen = scan(body, piece);
        EXPECT_EQ(seen.state, ChunkScanner::State::done);
        EXPECT_EQ(seen.payload, "abc0123456789");
        EXPECT_EQ(seen.taken, body.size() - 4);
    }
}

TEST(ChunkScanner, RefusesEverythingThatIsNotPlain) {
    for (const std::string_view body :
         {"3;x=y\r\nabc\r\n0\r\n\r\n", "3 \r\nabc\r\n", "3\nabc\n0\n\n", "\r\nabc", "x\r\n", "-1\r\n", "3\r\nabcd\r\n",
          "0\r\nTrailer: x\r\n\r\n", "1000000000000000\r\n", "3\r\nabc\n0\r\n\r\n", "0\r\n\n", " 3\r\nabc\r\n"})
        EXPECT_EQ(scan(body, body.size()).state, ChunkScanner::State::bad) << body;
}

TEST(ChunkScanner, WaitsForTheRest) {
    EXPECT_EQ(scan("3\r\nab", 5).state, ChunkScanner::State::more);
    EXPECT_EQ(scan("0\r\n", 3).state, ChunkScanner::State::more);
}

TEST(ChunkFrames, KeepTheLengthOfAChunkThatHadBegun) {
    ChunkFrames frames(5);
    EXPECT_EQ(frames.of("", false), "");
    EXPECT_EQ(frames.of("abc", false), "abc");
    EXPECT_EQ(frames.of("de0123456789abcdef", false), "de\r\n10\r\n0123456789abcdef\r\n");
    EXPECT_EQ(frames.of("x", true), "1\r\nx\r\n0\r\n\r\n");
    EXPECT_EQ(ChunkFrames().of("", true), "0\r\n\r\n");
}

}  // namespace
}  // namespace capsule::broker
