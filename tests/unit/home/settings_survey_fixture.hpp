// A repository below a directory of the test's, and a home beside it.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "daemon/home/settings_survey.hpp"
#include "tests/unit/write/temporary_home.hpp"

namespace capsule::test {

class SettingsSurvey : public ::testing::Test {
  protected:
    SettingsSurvey() {
        provider.id = "zai";
        home.home = top() + "/home";
        std::filesystem::create_directories(top() + "/repo/.git");
        std::filesystem::create_directories(top() + "/repo/a/b");
        std::filesystem::create_directories(top() + "/home");
        home.user.uid = ::geteuid();
        // All may write to /tmp, above them: so to them, too, that it makes no difference.
        for (const char* each : {"/repo", "/repo/a", "/repo/a/b", "/home"})
            std::filesystem::permissions(top() + each, std::filesystem::perms::all);
    }

    std::string top() const { return directory.path(); }
    void write(const std::string& path, const std::string& text) const {
        std::filesystem::create_directories(std::filesystem::path(top() + path).parent_path());
        std::ofstream(top() + path) << text;
    }

    /// "path below the top: member", or what cannot be said of it
    std::vector<std::string> survey(Agent agent, const std::string& cwd, const HomeFacts& facts = {}) {
        Route route{agent, &provider, false, Located<std::string>{"m", "catalog"}, {}};
        std::vector<std::string> found;
        plan = {};
        plan.argv = {{"agent", "capsuled"}};
        plan.unset = {"ANTHROPIC_UNIX_SOCKET", "CLAUDE_CODE_ENVIRONMENT_KIND", "OTHER"};
        for (const FoundSetting& setting :
             survey_session(home, top() + cwd, route, ProjectSettings::allow, facts, plan))
            if (setting.path.starts_with(top()))
                found.push_back(setting.path.substr(top().size()) + ": " +
                                (setting.member.empty() ? setting.effect : setting.member));
        return found;
    }

    TemporaryHome directory;
    Provider provider;
    SessionHome home;
    Plan plan;
};

}  // namespace capsule::test
