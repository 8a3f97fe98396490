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
    for (const auto& shape : capsule::test::shapes(shapes, unit_tests / "shapes"))
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

std::string last_line(std::string text) {
    text.erase(text.find_last_not_of(" \n") + 1);
    return text.substr(text.rfind('\n') + 1);
}

class Corpus : public ::testing::TestWithParam<Document> {
  protected:
    /// Whether the agent, without capsuled, does not start on this document either. It says why, then, as the session
    /// did; or capsuled, which knew it, has not started the session.
    bool agent_refuses(const AgentRun& session) {
        const Document& document = GetParam();
        test::write_file(world.empty_home() / document.path, document.text);
        const std::string alone = error_of(one_shot(document.agent, "[[say fine]]"));
        const bool same = alone.find(last_line(session.err)) != std::string::npos;
        const bool known = document.agent == "codex" && !error_of({"features", "list"}).empty();
        if (same || known)
            std::printf("%s does not start on it: %s\n", document.agent.c_str(), last_line(alone).c_str());
        return same || known;
    }

    World world;

  private:
    /// What the agent says when it fails; empty: it does not.
    std::string error_of(const std::vector<std::string>& arguments) {
        try {
            world.output_of(GetParam().agent, arguments);
            return "";
        } catch (const std::exception& error) {
            return error.what();
        }
    }
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
    if (run.exit_code != 0 && prompts(run) == 0 && agent_refuses(run)) return;
    expect_printed(run, "fine");
    expect_route(run, cell(document.agent, document.provider));
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Corpus);
INSTANTIATE_TEST_SUITE_P(Documents, Corpus, ::testing::ValuesIn(documents()), document_name);

}  // namespace capsule::e2e
