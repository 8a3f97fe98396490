#include "protocol/trusted_path.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>

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

/// Between a look at it and the next somebody could make it.
TEST_F(TrustedPath, WhatIsMissingInAStickyDirectoryIsAnybodysToMake) {
    fs::create_symlink("a/none", path("link"));
    for (const char* each : {"a/none", "a/none/below", "a/b/../none", "link"}) {
        ::chmod(path("a").c_str(), 0755);
        EXPECT_EQ(untrusted(each), "");
        EXPECT_EQ(open_trusted(path(each), S_IFREG).error, ENOENT);
        ::chmod(path("a").c_str(), 01777);
        EXPECT_EQ(untrusted(each), "a/none") << each;
        EXPECT_TRUE(open_trusted(path(each), S_IFREG).untrusted);
    }
    const auto problem = untrusted_component(path("a/none"));
    EXPECT_EQ(problem->why, "does not exist, and any user could create it there");
    EXPECT_NE(problem->cure().find("make '" + path("a/none") + "'"), std::string::npos);
    EXPECT_EQ(untrusted("a/b/none"), "") << "there only its owner makes something";
}

TEST_F(TrustedPath, WhatIsOpenedIsWhatWasLookedAt) {
    std::ofstream(path("a/b/file")) << "text";
    fs::create_symlink("b/../b/file", path("a/link"));
    ASSERT_EQ(::mkfifo(path("a/fifo").c_str(), 0600), 0);
    for (const char* each : {"a/b/file", "a/link"}) {
        const FoundFile found = open_trusted(path(each), S_IFREG);
        ASSERT_TRUE(found.fd) << each << ": " << found.error;
        EXPECT_EQ(found.status.st_size, 4);
        std::array<char, 8> bytes{};
        EXPECT_EQ(::read(found.fd.get(), bytes.data(), bytes.size()), 4);
    }
    EXPECT_TRUE(open_trusted(path("a/b"), S_IFDIR).fd);
    EXPECT_TRUE(open_trusted("/", S_IFDIR).fd);
    for (const char* other : {"a/fifo", "a/b"}) {
        const FoundFile found = open_trusted(path(other), S_IFREG);
        EXPECT_FALSE(found.fd) << other;
        EXPECT_EQ(found.error, 0) << other;
        EXPECT_FALSE(S_ISREG(found.status.st_mode)) << other;
    }
    EXPECT_EQ(open_trusted(path("a/b/file/below"), S_IFREG).error, ENOTDIR);
    ::chmod(path("a/b/file").c_str(), 0666);
    EXPECT_TRUE(open_trusted(path("a/link"), S_IFREG).untrusted);
    EXPECT_TRUE(open_anybodys(path("a/link"), S_IFREG).fd);
    EXPECT_FALSE(open_anybodys(path("a/fifo"), S_IFREG).fd);
}

TEST_F(TrustedPath, WhereNothingCanBeLookedAtNothingIsTrusted) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{0, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const auto problem = untrusted_component(path("a/b/file"));
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    ASSERT_TRUE(problem);
    EXPECT_EQ(problem->why, "cannot be looked at: Too many open files");
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

constexpr int no_namespace = 2;

bool mount_read_only(const std::string& directory) {
    return ::mount(directory.c_str(), directory.c_str(), nullptr, MS_BIND, nullptr) == 0 &&
           ::mount("none", directory.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) == 0;
}

/// Whether `job` holds in a mount namespace of its own; none: there cannot be one here.
std::optional<bool> holds_among_mounts(const std::function<bool()>& job) {
    const pid_t child = ::fork();
    if (child == 0) {
        if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
            ::_exit(no_namespace);
        ::_exit(job() ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == no_namespace) return std::nullopt;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Its owner writes to it where it is mounted otherwise, or among other mounts than this process's.
TEST_F(TrustedPath, WhatIsMountedReadOnlyIsItsOwnersToChangeAllTheSame) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount";
    fs::create_symlink("file", path("a/b/link"));
    for (const char* each : {"a/b", "a/b/file", "a/b/link"})
        ASSERT_EQ(::lchown(path(each).c_str(), 4711, 4711), 0);
    EXPECT_EQ(untrusted("a/b/link"), "a/b");
    const auto held = holds_among_mounts([&] {
        const std::string mounted = path("a/b");
        if (!mount_read_only(mounted)) ::_exit(no_namespace);
        const auto problem = untrusted_component(mounted + "/file");
        return problem && problem->component == mounted &&
               problem->cure().find("chown root '" + mounted + "'") != std::string::npos &&
               problem->cure().find("elsewhere") != std::string::npos && untrusted("a/b/link") == "a/b" &&
               open_trusted(mounted + "/file", S_IFREG).untrusted && look_at_trusted(mounted + "/file").untrusted;
    });
    if (!held) GTEST_SKIP() << "no mounts here";
    EXPECT_TRUE(*held);
}

// As Kubernetes mounts a Secret: of root, mode 1777, read-only. Whoever uses the path later may find another file
// there.
TEST_F(TrustedPath, WhatIsMissingOnAReadOnlyMountIsMissingForWhoOpensIt) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount";
    ::chmod(path("a/b").c_str(), 01777);
    const auto held = holds_among_mounts([&] {
        const std::string mounted = path("a/b");
        if (!mount_read_only(mounted)) ::_exit(no_namespace);
        const FoundFile missing = open_trusted(mounted + "/none", S_IFREG);
        return missing.error == ENOENT && !missing.untrusted && open_trusted(mounted + "/file", S_IFREG).fd &&
               untrusted("a/b/none") == "a/b/none";
    });
    if (!held) GTEST_SKIP() << "no mounts here";
    EXPECT_TRUE(*held);
}

// `unshare -Ur`: whatever belongs to another user looks like the machine's root's there.
TEST_F(TrustedPath, InANamespaceOfOneUserAStrangersFileIsNotRoots) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
    constexpr uid_t own = 4711, stranger = 4712;
    const auto in_namespace = [&](const std::function<bool()>& job) {
        return holds_among_mounts([&] {
            const auto written = [](const char* file, const std::string& text) {
                std::ofstream out(file);
                out << text << std::flush;
                return static_cast<bool>(out);
            };
            if (::setresuid(own, own, own) != 0 || ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0 ||
                ::unshare(CLONE_NEWUSER) != 0 || !written("/proc/self/uid_map", "0 4711 1"))
                ::_exit(no_namespace);
            return job();
        });
    };
    ::chmod(directory_.path().c_str(), 0755);
    for (const char* each : {"a", "a/b", "a/b/file"})
        ASSERT_EQ(::chown(path(each).c_str(), stranger, stranger), 0);
    const auto refused = in_namespace([&] { return untrusted("a/b/file") == "a/b/file"; });
    if (!refused) GTEST_SKIP() << "no user namespaces here";
    EXPECT_TRUE(*refused);
    EXPECT_TRUE(*in_namespace([] { return !untrusted_component("/usr/bin/env"); })) << "root's";
    ASSERT_EQ(::chown(path("a/b/file").c_str(), own, own), 0);
    EXPECT_TRUE(*in_namespace([&] { return untrusted("a/b/file").empty(); })) << "its own";
}

}  // namespace
}  // namespace capsule
