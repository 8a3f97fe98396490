#include "daemon/base/trusted_path.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/support/temp_dir.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;

/// In /tmp, which everybody may write to and where only owners may replace what is theirs.
class TrustedPath : public testing::Test {
  protected:
    TrustedPath() {
        fs::create_directories(path("a/b"));
        std::ofstream(path("a/b/file"));
        for (const char* each : {"a", "a/b"})
            ::chmod(path(each).c_str(), 0755);
        ::chmod(path("a/b/file").c_str(), 0644);
    }

    std::string path(const std::string& below) const { return directory_.path() + "/" + below; }
    std::string untrusted(const std::string& below) const {
        const auto problem = untrusted_component(path(below));
        return problem ? fs::path(problem->component).lexically_relative(directory_.path()).string() : "";
    }

    TempDir directory_;
};

TEST_F(TrustedPath, WhatIsItsOwnersAloneIs) {
    EXPECT_EQ(untrusted("a/b/file"), "");
    EXPECT_EQ(untrusted("a/b/../b/./file"), "");
    EXPECT_EQ(untrusted("a/none/file"), "") << "what is not there is nobody's";
    EXPECT_FALSE(untrusted_component("/bin/sh"));
    EXPECT_FALSE(untrusted_component("/"));
}

TEST_F(TrustedPath, TheFirstThatOthersCanWriteToIsNamed) {
    for (const char* each : {"a", "a/b", "a/b/file"}) {
        ::chmod(path(each).c_str(), 0757);
        EXPECT_EQ(untrusted("a/b/file"), each);
        ::chmod(path(each).c_str(), 0755);
    }
    ::chmod(path("a/b/file").c_str(), 0666);
    const auto problem = untrusted_component(path("a/b/file"));
    ASSERT_TRUE(problem);
    EXPECT_EQ(problem->why, "can be written to by everybody");
    EXPECT_NE(problem->cure().find("chmod go-w '" + path("a/b/file")), std::string::npos);
}

TEST_F(TrustedPath, AStickyDirectoryIsGoodForWhatIsOnesOwn) {
    ::chmod(path("a").c_str(), 01777);
    EXPECT_EQ(untrusted("a/b/file"), "");
}

TEST_F(TrustedPath, WhatALinkLeadsToCounts) {
    fs::create_symlink("b/file", path("a/link"));
    fs::create_symlink(path("a/link"), path("link"));
    fs::create_symlink("loop", path("loop"));
    EXPECT_EQ(untrusted("link"), "");
    EXPECT_EQ(untrusted("loop"), "");
    ::chmod(path("a/b").c_str(), 0777);
    EXPECT_EQ(untrusted("link"), "a/b");
}

TEST_F(TrustedPath, WhatBelongsToAnotherUserIsNot) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to give something away";
    constexpr uid_t other = 4711;
    for (const char* each : {"a", "a/b", "a/b/file"}) {
        ASSERT_EQ(::chown(path(each).c_str(), other, other), 0);
        EXPECT_EQ(untrusted("a/b/file"), each);
        ASSERT_EQ(::chown(path(each).c_str(), 0, 0), 0);
    }
    ::chmod(path("a").c_str(), 0775);
    ASSERT_EQ(::chown(path("a").c_str(), 0, other), 0);
    EXPECT_EQ(untrusted("a/b/file"), "a") << "its group can write to it";
}

TEST_F(TrustedPath, AFileMayBeAnothersWhereNobodyElseCouldHavePutIt) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to give something away";
    ASSERT_EQ(::chown(path("a/b/file").c_str(), 4711, 4711), 0);
    const auto of_anybody = [&] { return untrusted_component(path("a/b/file"), FileOwner::anybody).has_value(); };
    EXPECT_FALSE(of_anybody());
    ::chmod(path("a/b").c_str(), 01777);
    EXPECT_TRUE(of_anybody()) << "its owner may have put it there";
    ::chmod(path("a/b").c_str(), 0755);
    ASSERT_EQ(::chown(path("a/b").c_str(), 4711, 4711), 0);
    EXPECT_TRUE(of_anybody());
}

}  // namespace
}  // namespace capsule
