// The files that verify writes for an agent's trial, where the agent's user has put others in their place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "client/verify/start.hpp"
#include "tests/support/silent_mount.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;

TEST(VerifySurroundings, AFifoOrALinkInTheProjectIsReplacedAndNotOpened) {
    const TempDir dir;
    const fs::path project = fs::path(dir.path()) / "project", victim = fs::path(dir.path()) / "victim";
    write_project(project, 1);
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(project))
        if (entry.is_regular_file()) files.push_back(entry.path());
    ASSERT_GE(files.size(), 3U);
    std::ofstream(victim) << "as it was";
    for (std::size_t i = 0; i < files.size(); ++i) {
        fs::remove(files[i]);
        if (i == 0)
            fs::create_symlink(victim, files[i]);
        else
            ASSERT_EQ(::mkfifo(files[i].c_str(), 0600), 0);
    }
    write_project(project, 1);  // would wait for a reader
    for (const fs::path& file : files)
        EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(file))) << file;
    std::ifstream kept(victim);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(kept), {}), "as it was");
}

TEST(VerifySurroundings, RootDoesNotWaitForATmpdirThatAnotherUserHasMounted) {
    const TempDir dir;
    constexpr int skipped = 77;
    const pid_t child = ::fork();
    if (child == 0) {
        if (!test::has_mounts_of_its_own()) ::_exit(skipped);
        ::alarm(10);
        const test::SilentMount silent(dir.path(), 4711);
        ::setenv("TMPDIR", (std::string(dir.path()) + "/below").c_str(), 1);
        try {
            const ScratchDirectory made;
        } catch (const Failure& failure) {
            ::_exit(failure.error().message.find("is no place for root") != std::string::npos ? 0 : 2);
        }
        ::_exit(1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == skipped)
        GTEST_SKIP() << "needs root, /dev/fuse and a mount namespace of its own";
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace capsule
