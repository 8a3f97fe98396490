#include "daemon/users/subordinate.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/support/temp_dir.hpp"

namespace capsule {
namespace {

TEST(SubordinateIds, OfOneUserAreCountedAsTheFirst) {
    TempDir dir;
    const std::string path = dir.path() + "/subuid";
    SubordinateIds ids(path);
    ids.look_for_file();
    EXPECT_EQ(ids.counted_as(100001), 100001U) << "without the file";
    std::ofstream(path)
        << "agent:165536:65536\nroot:1000000:1000\n# a comment\n\nbad:x:1\nother:300000\nagent:100000:65536\n"
           "77777:4294967290:65536\n0:5000:10\n";
    EXPECT_EQ(ids.counted_as(100001), 100001U) << "what was not there is not looked for each time";
    ids.look_for_file();
    for (const uid_t uid : {100000U, 100001U, 165535U, 165536U, 231071U})
        EXPECT_EQ(ids.counted_as(uid), 165536U) << uid;
    EXPECT_EQ(ids.counted_as(4294967294U), 77777U) << "as the user itself";
    for (const uid_t uid : {0U, 77777U, 5001U, 99999U, 231072U, 300000U, 1000001U})
        EXPECT_EQ(ids.counted_as(uid), uid);
    std::ofstream(path + ".new") << "agent:100000:10\n";
    std::filesystem::rename(path + ".new", path);
    EXPECT_EQ(ids.counted_as(100009), 100000U) << "it has changed";
    EXPECT_EQ(ids.counted_as(100010), 100010U);
}

TEST(SubordinateIds, OfOneUserAreOneHoweverTheFileWritesThem) {
    TempDir dir;
    const std::string path = dir.path() + "/subuid";
    SubordinateIds ids(path);
    std::ofstream(path) << "bin:100000:1000\n2:200000:1000\nouter:300000:1000\ninner:300100:10\n";  // bin is 2
    ids.look_for_file();
    EXPECT_EQ(ids.counted_as(100001), 2U);
    EXPECT_EQ(ids.counted_as(200001), 2U);
    for (const uid_t uid : {300001U, 300101U, 300999U})
        EXPECT_EQ(ids.counted_as(uid), 300000U) << uid;
    std::ofstream(path) << ::geteuid() << ":100000:1000\n";
    EXPECT_EQ(ids.counted_as(100001), ::geteuid() == 0 ? 100001U : 100000U) << "the daemon's user has no limits";
}

}  // namespace
}  // namespace capsule
