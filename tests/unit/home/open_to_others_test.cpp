// Above which sessions another user can put settings, and what then holds.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "daemon/home/project_directories.hpp"
#include "daemon/home/settings_survey.hpp"
#include "tests/unit/write/temporary_home.hpp"

namespace capsule::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OpenToOthers : public ::testing::Test {
  protected:
    OpenToOthers() {
        home.user.uid = ::geteuid();
        home.user.gid = ::getegid();
        fs::create_directories(above());
        fs::create_directories(own());
        set_modes(0777, 0755);
    }

    std::string above() const { return directory.path() + "/above"; }
    std::string own() const { return above() + "/project"; }
    /// All can write to `own` in most tests, as they can to /tmp above it.
    void set_modes(mode_t own_mode, mode_t above_mode) const {
        EXPECT_EQ(::chmod(own().c_str(), own_mode), 0);
        EXPECT_EQ(::chmod(above().c_str(), above_mode), 0);
    }
    std::string open() const { return open_to_others(project_directories(own()), home.user).value_or(""); }

    TemporaryHome directory;
    SessionHome home;
};

TEST_F(OpenToOthers, IsADirectoryThatAllCanWriteTo) {
    EXPECT_EQ(open(), "");
    set_modes(0777, 01777);
    EXPECT_EQ(open(), "") << "whoever can write there can write to the project";
    set_modes(0755, 01777);
    EXPECT_EQ(open(), above());
}

TEST_F(OpenToOthers, IsADirectoryOfAnotherUserOrGroup) {
    if (::geteuid() != 0) GTEST_SKIP() << "giving a directory away takes root";
    const auto after = [&](uid_t own_uid, uid_t above_uid, gid_t above_gid) {
        EXPECT_EQ(::chown(own().c_str(), own_uid, 0), 0);
        EXPECT_EQ(::chown(above().c_str(), above_uid, above_gid), 0);
        set_modes(0777, 0775);
        return open();
    };
    home.user.uid = home.user.gid = 4711;
    EXPECT_EQ(after(4711, 0, 0), "");
    EXPECT_EQ(after(4711, 4711, 4711), "");
    EXPECT_EQ(after(4712, 4712, 0), "") << "a mounted folder of somebody else's";
    EXPECT_EQ(after(4711, 4712, 0), above());
    EXPECT_EQ(after(4711, 4711, 4712), above());
    EXPECT_EQ(::chown(own().c_str(), 4711, 4712), 0);
    EXPECT_EQ(open(), "") << "whose group can write to the project";
}

// What is not there yet would be there by the time that OpenCode looks.
TEST_F(OpenToOthers, LeavesOpenCodesProjectOut) {
    Provider provider;
    provider.id = "zai";
    const auto plan_of = [&](Agent agent, ProjectSettings settings) {
        const Route route{agent, &provider, false, Located<std::string>{"m", "catalog"}, {}};
        Plan plan;
        survey_session(home, own(), route, settings, {}, plan);
        return plan;
    };
    EXPECT_THAT(plan_of(Agent::opencode, ProjectSettings::allow).env, IsEmpty());
    set_modes(0755, 01777);
    const Plan held = plan_of(Agent::opencode, ProjectSettings::allow);
    EXPECT_TRUE(held.env.contains("OPENCODE_DISABLE_PROJECT_CONFIG"));
    ASSERT_EQ(held.warnings.size(), 1U);
    EXPECT_EQ(held.warnings.front().code, "settings.neutralised");
    EXPECT_THAT(held.warnings.front().message, HasSubstr("another user can write to " + above()));
    EXPECT_THAT(plan_of(Agent::opencode, ProjectSettings::ignore).warnings, IsEmpty());
    EXPECT_THAT(plan_of(Agent::claude, ProjectSettings::allow).warnings, IsEmpty());
}

}  // namespace
}  // namespace capsule::test
