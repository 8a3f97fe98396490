// Configuration files in the shapes that people have, each with the real agent once. They take half an hour, so that
// only corpus.py, which names itself in CAPSULE_E2E_CORPUS, tries them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <ostream>

#include "tests/e2e/cells.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/agents/shapes.hpp"

namespace capsule::e2e {

namespace {

struct Document {
    std::string agent;
    std::string provider;
    bool project;      ///< below the repository, not the home
    std::string path;  ///< there
    std::string name;
    std::string text;
};

void PrintTo(const Document& document, std::ostream* out) {
    *out << document.name;
}

const fs::path unit_tests = fs::path(CAPSULE_TEST_DATA).parent_path() / "unit/agents";

/// Of the two folders of tests/unit/agents that hold such documents.
std::vector<std::pair<std::string, std::string>> texts(const std::string& file, const std::string& shapes) {
    std::vector<std::pair<std::string, std::string>> all;
    for (const auto& shape : capsule::testing::shapes(shapes, unit_tests / "shapes"))
        all.emplace_back(shape.name, shape.text);
    std::vector<fs::path> cases;
    if (fs::exists(unit_tests / "corpus" / file))
        for (const auto& entry : fs::directory_iterator(unit_tests / "corpus" / file))
            if (entry.path().stem().extension() == ".in") cases.push_back(entry.path());
    std::ranges::sort(cases);
    for (const fs::path& path : cases)
        all.emplace_back(path.stem().stem(), test::read_file(path));
    return all;
}

std::vector<Document> documents() {
    std::vector<Document> all;
    if (std::getenv("CAPSULE_E2E_CORPUS") == nullptr) return all;
    for (const auto& [name, text] : texts("config.toml", "config_toml.txt"))
        all.push_back({"codex", "minimax", false, ".codex/config.toml", name, text});
    for (const auto& [name, text] : texts("opencode.json", "opencode_json.txt"))
        all.push_back({"opencode", "zai", false, ".config/opencode/opencode.json", name, text});
    for (const bool project : {false, true})
        for (const auto& [name, text] : texts("settings.json", "settings_json.txt"))
            all.push_back({"claude", "zai", project, ".claude/settings.json", name, text});
    return all;
}

class Corpus : public ::testing::TestWithParam<Document> {
  protected:
    /// Whether the agent does not start on this document without capsuled either.
    bool agent_refuses() {
        const Document& document = GetParam();
        if (document.agent == "claude") return false;
        test::write_file(world.empty_home() / document.path, document.text);
        const std::vector<std::string> arguments = document.agent == "codex"
                                                       ? std::vector<std::string>{"features", "list"}
                                                       : std::vector<std::string>{"debug", "config"};
        try {
            world.output_of(document.agent, arguments);
            return false;
        } catch (const std::exception& error) {
            const std::string text = error.what();
            std::printf("%s does not start on it: %s\n", document.agent.c_str(),
                        text.substr(0, text.find('\n', 20)).c_str());
            return true;
        }
    }

    World world;
};

std::string document_name(const ::testing::TestParamInfo<Document>& info) {
    std::string name =
        info.param.agent + (info.param.project ? "_project_" : "_home_") + std::to_string(info.index) + "_";
    for (const char c : info.param.name)
        name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
    return name;
}

}  // namespace

TEST_P(Corpus, StaysOnItsRouteOrDoesNotStart) {
    const Document& document = GetParam();
    test::write_file((document.project ? world.repository() : world.home()) / document.path, document.text);
    world.start_daemon();
    const AgentRun run = world.run(document.agent, document.provider, one_shot(document.agent, "[[say fine]]"));
    if (run.exit_code != 0 && prompts(run) == 0 && agent_refuses()) return;
    expect_printed(run, "fine");
    expect_route(run, cell(document.agent, document.provider));
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Corpus);
INSTANTIATE_TEST_SUITE_P(Documents, Corpus, ::testing::ValuesIn(documents()), document_name);

}  // namespace capsule::e2e
