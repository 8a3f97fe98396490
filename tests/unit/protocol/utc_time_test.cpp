#include "protocol/utc_time.hpp"

#include <gtest/gtest.h>

namespace capsule {
namespace {

TEST(UtcTime, OfMillisecondsAndTexts) {
    EXPECT_EQ(utc_of_milliseconds(1795701600999.0), "2026-11-26T14:00:00Z");
    for (const double none : {0.0, -5.0, 1e10, 1e13, 1e300})
        EXPECT_EQ(utc_of_milliseconds(none), std::nullopt) << none;
    EXPECT_EQ(utc_of_milliseconds(std::nullopt), std::nullopt);
    EXPECT_EQ(utc_of_text("2026-11-26T14:00:00Z"), "2026-11-26T14:00:00Z");
    EXPECT_EQ(utc_of_text("2026-12-31 23:30:00.5-05:30"), "2027-01-01T05:00:00Z");
    for (const std::string_view none :
         {"", "soon", "2026-11-26", "2026-11-26T14:00:00", "2026-02-30T14:00:00Z", "2026-11-26T24:00:00Z",
          "2026-11-26T14:00:00+0800", "2026-11-26T14:00:00+08:00 or so", "1999-11-26T14:00:00Z"})
        EXPECT_EQ(utc_of_text(none), std::nullopt) << none;
}

TEST(RetryTime, IsSecondsOrADate) {
    const UtcTime now = *utc_time("2026-11-26T14:00:00Z");
    const auto at = [&](std::string_view text) {
        const auto time = retry_time(text, now);
        return time ? utc_text(*time) : "none";
    };
    EXPECT_EQ(at("90"), "2026-11-26T14:01:30Z");
    EXPECT_EQ(at("0"), "2026-11-26T14:00:00Z");
    EXPECT_EQ(at("Thu, 26 Nov 2026 15:00:00 GMT"), "2026-11-26T15:00:00Z");
    EXPECT_EQ(at("Thursday, 26-Nov-26 15:00:00 GMT"), "2026-11-26T15:00:00Z");
    EXPECT_EQ(at("Thu Nov 26 15:00:00 2026"), "2026-11-26T15:00:00Z");
    for (const std::string_view none :
         {"", "soon", "-5", "1.5", "99999999999999999999", "4294967295", "90 s", "Thu, 26 Nov 2026 15:00:00",
          "Thu, 26 Nov 2026 15:00:00 GMT or so", "Thu, 26 Nov 1926 15:00:00 GMT"})
        EXPECT_EQ(at(none), "none") << none;
}

}  // namespace
}  // namespace capsule
