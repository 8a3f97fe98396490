// Claude Code's settings in the shapes that people have: what is said of each, as a project's and as the home's own.
#include "daemon/agents/survey.hpp"
#include "daemon/routing/route.hpp"
#include "tests/unit/agents/shapes.hpp"
#include "tests/unit/agents/support.hpp"

namespace capsule::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SettingsShapes : public ::testing::Test {
  protected:
    SettingsShapes() { session.key = Secret("FAKE-key-0001"); }

    /// "held: <members> open: <members>", without what is empty.
    std::string said(const Shape& shape, SettingsOwner owner) {
        const Result<Route> route = route_session(session.config, {Agent::claude, "zai", {}, {}});
        session.key_variable = route->provider->key_env;
        const Plan plan = session.plan(Agent::claude, "zai");
        const SettingsPlace place{"/x", owner, SettingsFormat::claude_settings};
        const auto found = survey_settings(place, "/x", shape.text, {*route, plan, false}).value();
        for (const Warning& warning : survey_warnings(found, {*route, plan, false}))
            EXPECT_THAT(warning.message, Not(HasSubstr("FAKE-"))) << "a value was shown";
        return part("held:", found, true) + part("open:", found, false);
    }

    Session session;

  private:
    static std::string part(std::string head, const std::vector<FoundSetting>& found, bool held) {
        std::string members;
        for (const FoundSetting& setting : found)
            if (setting.neutralised_by.has_value() == held) members += " " + setting.member;
        if (members.empty()) return "";
        return (held ? "" : " ") + std::move(head) + members;
    }
};

std::string trimmed(std::string text) {
    text.erase(0, text.find_first_not_of(' '));
    return text;
}

TEST_F(SettingsShapes, AreManyAndSayWhatAProjectsWouldDo) {
    const std::vector<Shape> all = shapes("settings_json.txt");
    ASSERT_GE(all.size(), 40U);
    for (const Shape& shape : all)
        EXPECT_EQ(trimmed(said(shape, SettingsOwner::project)), shape.special) << shape.name;
}

TEST_F(SettingsShapes, AUsersOwnProgramsAreMeant) {
    for (const Shape& shape : shapes("settings_json.txt")) {
        const std::string said_of_the_home = said(shape, SettingsOwner::home);
        for (const char* program : {"hooks", "statusLine", "enabledPlugins", "awsAuthRefresh", "fileSuggestion"})
            EXPECT_THAT(said_of_the_home, Not(HasSubstr(program))) << shape.name;
    }
}

}  // namespace
}  // namespace capsule::test
