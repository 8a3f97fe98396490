// Paths in which the session's user has a hand: links lead where they lead, but never into /proc, and not for long. All
// of it with openat2 and without.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>

#include "daemon/base/home_visit.hpp"
#include "daemon/base/time_limit.hpp"
#include "tests/support/child.hpp"
#include "tests/support/system_calls.hpp"
#include "tests/unit/write/temporary_home.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;
using test::TemporaryHome;
using test::write_bytes;

/// The errno of a search; 0: it leads to something.
int problem_of(const std::string& path, LastLink last = LastLink::followed) {
    return open_path(path, last) ? 0 : errno;
}

bool same(const std::string& path, const std::string& target) {
    struct stat found {
    }, meant{};
    const UniqueFd fd = open_path(path);
    return fd && ::fstat(fd.get(), &found) == 0 && ::stat(target.c_str(), &meant) == 0 &&
           found.st_ino == meant.st_ino && found.st_dev == meant.st_dev;
}

void links_lead_where_they_lead() {
    const TemporaryHome home;
    fs::create_directories(home / "lib/tool");
    fs::create_directories(home / "bin");
    write_bytes(home / "lib/tool/cli.js", "x");
    fs::create_symlink("../lib/tool/cli.js", home / "bin/claude");
    fs::create_symlink(home.path(), home / "bin/home");
    fs::create_symlink("lib", home / "linked");
    fs::create_symlink("nowhere", home / "dangling");
    const std::string file = home / "lib/tool/cli.js";
    for (const std::string& path :
         {file, home / "bin/claude", home / "bin/home/bin/claude", home / "linked/tool/cli.js", home / "bin//./claude",
          home / "bin/home/bin/home/linked/../bin/claude", "/" + home.path() + "/lib/tool/../tool/cli.js"})
        EXPECT_TRUE(same(path, file)) << path;
    EXPECT_TRUE(same(home / "bin/home/", home.path()));
    EXPECT_TRUE(same("/", "/"));
    EXPECT_TRUE(same("/bin/sh", "/bin/sh")) << "a directory of PATH that is a link";
    EXPECT_EQ(problem_of(home / "dangling"), ENOENT);
    EXPECT_EQ(problem_of(home / "dangling", LastLink::itself), 0);
    EXPECT_EQ(problem_of(home / "linked/none"), ENOENT);
    EXPECT_EQ(problem_of(home / "bin/claude/x"), ENOTDIR);
    EXPECT_EQ(problem_of(home / "bin/claude/"), ENOTDIR);
    EXPECT_EQ(problem_of(""), ENOENT);
}

void none_leads_into_the_kernels_files() {
    const TemporaryHome home;
    const std::string own = "/proc/" + std::to_string(::getpid());
    fs::create_symlink(own + "/map_files", home / "maps");
    fs::create_symlink(own + "/map_files/1000-2000", home / "map");
    fs::create_symlink("proc", home / "inner");
    fs::create_symlink("/proc", home / "proc");
    fs::create_symlink("/proc/self/fd/0", home / "open");
    fs::create_symlink("../../../../../proc/self/status", home / "up");
    fs::create_symlink("/sys/kernel", home / "sys");
    fs::create_symlink("maps", home / "second");
    for (const std::string& path :
         {home / "maps", home / "map", home / "maps/1000-2000", home / "inner", home / "inner/self/status",
          home / "open", home / "up", home / "second", home / "second/x", home / "proc/none", own + "/map_files",
          own + "/map_files/1-2", std::string("/proc/self/status"), std::string("/./proc/../proc/self/exe"),
          std::string("//proc//none")})
        EXPECT_EQ(problem_of(path), in_the_kernels_files) << path;
    struct stat status {};
    if (::stat("/sys/kernel", &status) == 0) {
        EXPECT_EQ(problem_of(home / "sys"), in_the_kernels_files);
    }
    EXPECT_EQ(problem_of(home / "map", LastLink::itself), 0);
    EXPECT_EQ(look_up(home / "map", status), in_the_kernels_files);
    EXPECT_EQ(look_up(home / "maps/1000-2000", status), in_the_kernels_files);
    EXPECT_EQ(look_up(home / "map", status, LastLink::itself), 0);
    fs::create_directories(home / "of/proc");
    write_bytes(home / "of/proc/file", "x");
    EXPECT_EQ(problem_of(home / "of/proc/file"), 0) << "it has but the name";
}

void none_is_followed_for_long() {
    const TemporaryHome home;
    fs::create_directory(home / "d");
    std::string last = "d";
    for (int i = 0; i < 100; ++i) {
        const std::string link = "link" + std::to_string(i);
        fs::create_symlink(last, home / link);
        last = link;
    }
    EXPECT_EQ(problem_of(home / "link39"), 0);
    EXPECT_EQ(problem_of(home / "link40"), ELOOP);
    fs::create_symlink("circle", home / "circle");
    EXPECT_EQ(problem_of(home / "circle/x"), ELOOP);
    // Few names, but long ones.
    const std::string name(200, 'n');
    fs::create_directory(home / name);
    std::string through;
    while (through.size() < 2500)
        through += name + "/../";
    fs::create_symlink(through + "d", home / "long");
    fs::create_symlink(through + "long", home / "longer");
    EXPECT_EQ(problem_of(home / "long"), 0);
    EXPECT_EQ(problem_of(home / "longer"), ELOOP);
    // Some two thousand short ones.
    std::string nothing;
    while (nothing.size() < 4000)
        nothing += "./";
    fs::create_symlink(".", home / "sys");
    EXPECT_EQ(problem_of(home / "sys/" + nothing + "/proc"), ELOOP) << "one name after the other";
    set_time_limit(std::chrono::steady_clock::now());
    EXPECT_EQ(problem_of(home / "d"), ETIME);
    set_time_limit(std::chrono::steady_clock::time_point::max());
}

/// As with fs.protected_symlinks, whatever that is here.
void none_is_followed_that_anybody_planted() {
    const TemporaryHome home;
    fs::create_directory(home / "tmp");
    fs::permissions(home / "tmp", fs::perms(01777));
    fs::create_symlink("..", home / "tmp/own");
    EXPECT_EQ(problem_of(home / "tmp/own"), 0);
    if (::geteuid() != 0) return;
    constexpr uid_t somebody = 54321;
    fs::create_symlink("..", home / "tmp/planted");
    ASSERT_EQ(::lchown((home / "tmp/planted").c_str(), somebody, somebody), 0);
    EXPECT_EQ(problem_of(home / "tmp/planted"), EACCES);
    ASSERT_EQ(::chown((home / "tmp").c_str(), somebody, somebody), 0);
    EXPECT_EQ(problem_of(home / "tmp/planted"), 0) << "the directory's owner's";
}

void a_visit_opens_a_directory_once() {
    const TemporaryHome home;
    const HomeVisit visit;
    struct stat status {};
    EXPECT_EQ(look_up(home / "new/file", status), ENOENT);
    fs::create_directory(home / "new");
    write_bytes(home / "new/file", "x");
    EXPECT_EQ(look_up(home / "new/file", status), ENOENT);
    forget_directories();
    EXPECT_EQ(look_up(home / "new/file", status), 0);
    EXPECT_EQ(look_up(home / "new/file", status, LastLink::followed, X_OK), EACCES);
    fs::create_symlink("file", home / "new/link");
    EXPECT_EQ(look_up(home / "new/link", status, LastLink::followed, X_OK), EACCES);
    fs::permissions(home / "new/file", fs::perms(0755));
    EXPECT_EQ(look_up(home / "new/link", status, LastLink::followed, X_OK), 0);
    EXPECT_TRUE(S_ISREG(status.st_mode));
}

/// What is mounted on demand is mounted for whoever opens it as a directory, which a file cannot be.
void a_directory_is_opened_as_one() {
    const TemporaryHome home;
    fs::create_directory(home / "directory");
    write_bytes(home / "file", "x");
    fs::create_symlink("directory", home / "link");
    fs::create_symlink("file", home / "file-link");
    const auto problem = [](const std::string& path, LastLink last) {
        return open_path(path, last, Meant::directory) ? 0 : errno;
    };
    EXPECT_EQ(problem(home / "directory", LastLink::itself), 0);
    EXPECT_EQ(problem(home / "link", LastLink::followed), 0);
    EXPECT_EQ(problem(home / "link", LastLink::itself), ENOTDIR);
    EXPECT_EQ(problem(home / "file", LastLink::followed), ENOTDIR);
    EXPECT_EQ(problem(home / "file-link", LastLink::followed), ENOTDIR);
    EXPECT_TRUE(open_directory(home / "link"));
    EXPECT_FALSE(open_directory(home / "file"));
    EXPECT_EQ(errno, ENOTDIR);
}

struct Case {
    const char* name;
    void (*check)();
};

class HomePath : public ::testing::TestWithParam<Case> {};

TEST_P(HomePath, InOneCall) {
    GetParam().check();
}

TEST_P(HomePath, WithoutOpenat2) {
    test::in_child([] {
        test::forbid(SYS_openat2, ENOSYS);  // as under systemd's RestrictSUIDSGID=
        GetParam().check();
    });
}

// As a FUSE server may answer for a file of its own.
TEST(OneFileSystemsError, IsNoReasonToDoWithoutOpenat2) {
    for (const int problem : {EPERM, ENOSYS}) {
        const auto ended = test::run_with_fault({0, test::Calls::files, problem}, [problem] {
            const bool failed = problem_of("/usr/bin") == problem;
            return failed && problem_of("/usr/bin") == 0 ? 0 : 1;
        });
        EXPECT_EQ(ended.met.call, "openat2");
        EXPECT_EQ(ended.status, 0);
        EXPECT_EQ(std::ranges::count(ended.calls, "openat"), 0) << "it walks step by step";
    }
}

INSTANTIATE_TEST_SUITE_P(All, HomePath,
                         ::testing::Values(Case{"LinksLeadWhereTheyLead", links_lead_where_they_lead},
                                           Case{"NoneLeadsIntoTheKernelsFiles", none_leads_into_the_kernels_files},
                                           Case{"NoneIsFollowedForLong", none_is_followed_for_long},
                                           Case{"NoneIsFollowedThatAnybodyPlanted",
                                                none_is_followed_that_anybody_planted},
                                           Case{"ADirectoryIsOpenedAsOne", a_directory_is_opened_as_one},
                                           Case{"AVisitOpensADirectoryOnce", a_visit_opens_a_directory_once}),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace capsule
