// File systems whose server has ended, in the PATH and in the home: what does not need them goes on.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "protocol/unique_fd.hpp"
#include "tests/support/capsule_test.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

class DeadMount : public CapsuleTest {
  protected:
    void SetUp() override {
        if (::geteuid() != 0 || ::access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "needs root and /dev/fuse";
        if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
            GTEST_SKIP() << "needs a mount namespace of its own";
    }

    void TearDown() override {
        for (const fs::path& each : mounted_)
            ::umount2(each.c_str(), MNT_DETACH);
        CapsuleTest::TearDown();
    }

    /// All of it is "Transport endpoint is not connected".
    void mount_dead(const fs::path& path) {
        fs::create_directories(path);
        const UniqueFd server(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
        const std::string options =
            "fd=" + std::to_string(server.get()) + ",rootmode=40000,user_id=0,group_id=0,allow_other";
        ASSERT_TRUE(server);
        ASSERT_EQ(::mount("dead", path.c_str(), "fuse", 0, options.c_str()), 0) << errno;
        mounted_.push_back(path);
    }

    json::value spawn(const std::string& agent, const std::string& provider) const {
        return call("spawn", R"({"agent":")" + agent + R"(","provider":")" + provider + "\"}");
    }

  private:
    std::vector<fs::path> mounted_;
};

TEST_F(DeadMount, InThePathHidesNoAgentElsewhere) {
    const fs::path dead = dir_ / "dead";
    mount_dead(dead);
    agents_.remove("opencode");
    start({.config = "[env]\nPATH = \"" + (dead / "bin").string() + ":" + path_variable() + "\"\n"});
    const json::value status = call("status");
    EXPECT_EQ(text_at(status, "/agents/0/binary"), (agents_.bin() / "claude").string());
    EXPECT_EQ(text_at(status, "/agents/1/binary"), (agents_.bin() / "codex").string());
    EXPECT_TRUE(at(status, "/agents/2/binary").is_null());
    const std::string warnings = json::serialize(at(status, "/warnings"));
    const std::string said =
        "agents may be installed in " + (dead / "bin").string() +
        ", which cannot be looked at (Transport endpoint is not connected): mount it again, or take " +
        (dead / "bin").string() + " out of the PATH";
    EXPECT_THAT(warnings, HasSubstr(said));
    EXPECT_THAT(ctl({"status"}).out, AllOf(HasSubstr("not found"), Not(HasSubstr("ot installed"))));
    EXPECT_THAT(codes(at(spawn("claude", "zai"), "/warnings")),
                AllOf(Not(Contains("path.unreachable")), Not(Contains("agent.missing"))));
    const json::value missing = spawn("opencode", "zai");
    EXPECT_THAT(codes(at(missing, "/warnings")), AllOf(Contains("path.unreachable"), Contains("agent.missing")));
    EXPECT_THAT(json::serialize(missing), AllOf(HasSubstr(said), HasSubstr("OpenCode was not found: ")));
}

TEST_F(DeadMount, AsCodexsHomeStopsNoSessionThatDoesNotNeedIt) {
    mount_dead(home() / ".codex");
    start();
    const json::value session = spawn("codex", "zai");
    EXPECT_THAT(codes(at(session, "/warnings")), Contains("file.not_written"));
    EXPECT_THAT(json::serialize(session), HasSubstr("what is mounted there does not answer"));
    const std::string native = expect_error("spawn", R"({"agent":"codex","provider":"openai"})", -32008, "io.error");
    EXPECT_THAT(native, AllOf(HasSubstr(".codex/auth.json"), HasSubstr("mount it again"))) << "whose account it is";
}

}  // namespace
}  // namespace capsule::test
