// The picker's list, its two pages, and what it remembers.
#include <sys/stat.h>

#include <cstdlib>

#include "client/picker/last_choices.hpp"
#include "client/picker/pages.hpp"
#include "client/picker/picker_list.hpp"

namespace capsule {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

PickerPage page_of(std::size_t entries) {
    PickerPage page{"Which?", {}, {{"Kimi", "no key", "get one", {}}}, {}};
    for (std::size_t i = 0; i < entries; ++i)
        page.entries.push_back({"id" + std::to_string(i), {{"Label " + std::to_string(i)}, {"model"}}});
    return page;
}

std::vector<std::string> texts(const PickerList& list, std::size_t height, std::size_t width) {
    std::vector<std::string> out;
    for (const PickerLine& line : list.lines(height, width)) {
        std::string text;
        for (const Cell& cell : line.cells)
            text += cell.text;
        out.push_back(text);
    }
    return out;
}

TEST(PickerList, SelectsTheFirstEntryOrThePreselectedOne) {
    EXPECT_EQ(PickerList(page_of(3)).selected(), "id0");
    PickerPage page = page_of(3);
    page.preselected = "id2";
    EXPECT_EQ(PickerList(page).selected(), "id2");
    page.preselected = "gone";
    EXPECT_EQ(PickerList(page).selected(), "id0");
}

TEST(PickerList, LetsNoTitleTurnText) {
    PickerPage page = page_of(2);
    page.title = "agent\u202E\x1b[6n: which?";
    EXPECT_EQ(texts(PickerList(page), 12, 60).front(), "agent??[6n: which?");
}

TEST(PickerList, StopsAtBothEnds) {
    PickerList list(page_of(3));
    list.move(-1);
    EXPECT_EQ(list.selected(), "id0");
    list.move(7);
    EXPECT_EQ(list.selected(), "id2");
}

TEST(PickerList, AFilterMatchesEachWordAnywhereInAnyCase) {
    PickerList list(page_of(12));
    list.type("1 LABEL");
    EXPECT_EQ(list.selected(), "id1");
    list.move(1);
    EXPECT_EQ(list.selected(), "id10");
    list.type("x");
    EXPECT_EQ(list.selected(), std::nullopt);
    list.erase();
    EXPECT_EQ(list.selected(), "id1");
}

TEST(PickerList, ASelectionThatStillMatchesIsKept) {
    PickerList list(page_of(12));
    list.move(11);
    list.type("1");
    EXPECT_EQ(list.selected(), "id11");
    list.clear();
    EXPECT_EQ(list.selected(), "id11");
}

TEST(PickerList, ErasesWholeCharacters) {
    PickerList list(page_of(1));
    list.type("é");
    list.erase();
    EXPECT_EQ(list.filter(), "");
    list.erase();
}

TEST(PickerList, NeverHasMoreLinesThanTheTerminalAndAlwaysTheSelectedOne) {
    for (const std::size_t entries : {0U, 1U, 3U, 50U})
        for (std::size_t height = 1; height < 40; ++height) {
            PickerList list(page_of(entries));
            list.move(static_cast<long>(entries) / 2);
            const auto lines = list.lines(height, 30);
            EXPECT_LE(lines.size(), height);
            const auto selected =
                std::count_if(lines.begin(), lines.end(), [](const PickerLine& line) { return line.selected; });
            EXPECT_EQ(selected, entries > 0 ? 1 : 0) << entries << " entries in " << height;
        }
    EXPECT_TRUE(PickerList(page_of(3)).lines(0, 30).empty());
}

TEST(PickerList, ShowsTheRefusalsWhereThereIsRoom) {
    EXPECT_THAT(texts(PickerList(page_of(2)), 12, 60),
                ElementsAre("Which?", "Filter: _   2 of 2", "", "> Label 0  model", "  Label 1  model", "",
                            "Not available:", "  Kimi: no key", "    get one", "",
                            "Enter: start   Up, Down: move   type: filter   Esc: cancel"));
    EXPECT_THAT(texts(PickerList(page_of(2)), 4, 60),
                ElementsAre("Which?", "Filter: _   2 of 2", "> Label 0  model", "  Label 1  model"));
    EXPECT_THAT(texts(PickerList(page_of(2)), 1, 6), ElementsAre("> Lab…"));
}

TEST(PickerList, TheLastColumnAndTheCommandAreWholeWhereThereIsLittleRoom) {
    PickerPage page{
        "Which?",
        {},
        {{"Kimi", "no key", "get one at https://www.example.com/console/keys, then:", "capsulectl auth set kimi"}},
        {}};
    page.entries.push_back(
        {"one",
         {{"MiniMax"}, {"MiniMax-M3"}, {"key not read yet: op://a/b/c"}, {"hours used up, again in 4 h 12 min"}}});
    EXPECT_THAT(
        texts(PickerList(page), 12, 60),
        ElementsAre("Which?", "Filter: _   1 of 1", "", "> MiniMax  MiniMa…  key…  hours used up, again in 4 h 12 min",
                    "", "Not available:", "  Kimi: no key",
                    "    get one at https://www.example.com/console/keys, then:", "    capsulectl auth set kimi", "",
                    "Enter: start   Up, Down: move   type: filter   Esc: cancel"));
    for (const std::size_t width : {1U, 5U, 20U, 40U})
        for (const std::string& text : texts(PickerList(page), 30, width))
            EXPECT_LE(display_width(text), width) << text;
    for (std::size_t width = 60; width < 100; ++width)
        EXPECT_THAT(texts(PickerList(page), 30, width), Contains(HasSubstr("capsulectl auth set kimi"))) << width;
}

TEST(PickerList, ShowsNothingThatATerminalWouldObey) {
    PickerPage page = page_of(1);
    page.entries[0].cells[0].text = "evil\x1b[2J";
    EXPECT_THAT(texts(PickerList(page), 3, 40).back(), HasSubstr("evil?[2J"));
}

TEST(PickerPages, AProviderHasItsLabelModelAndKey) {
    ProvidersListResult list;
    list.agent = "claude";
    list.choices = {{"anthropic", "Anthropic", "Claude (Anthropic)", true, {}},
                    {"zai", "Z.AI", "Claude (Z.AI)", false, "glm-5.3"},
                    {"op", "Op", "Claude (Op)", false, "m"}};
    list.default_ = "anthropic";
    list.unavailable = {{"kimi", "Kimi", "key.absent", "there is no key"},
                        {"bad", "Bad", "key.error", "cannot"},
                        {"openai", "OpenAI", "cell.unsupported", "unsupported"}};
    AuthListResult keys;
    AuthRow row;
    row.provider = "zai", row.state = "present", row.masked = "…0004";
    keys.rows.push_back(row);
    row.provider = "op", row.state = "unresolved", row.source = "op://a/b/c", row.masked = {};
    keys.rows.push_back(row);
    row.provider = "kimi", row.state = "absent", row.key_url = "https://get.example";
    keys.rows.push_back(row);
    StatusResult status;
    status.agents.push_back({"claude", "Claude", "/bin/claude", {}});
    status.providers.push_back({"anthropic", "Anthropic", {}, {{"claude", "native"}}});

    const PickerPage page = provider_page(list, keys, status);
    EXPECT_EQ(page.title, "Claude: which provider?");
    EXPECT_EQ(page.preselected, "anthropic");
    ASSERT_EQ(page.entries.size(), 3U);
    EXPECT_EQ(page.entries[0].cells[2].text, "own account");
    EXPECT_EQ(page.entries[1].cells[1].text, "glm-5.3");
    EXPECT_EQ(page.entries[1].cells[2].text, "key …0004");
    EXPECT_EQ(page.entries[2].cells[2].text, "key not read yet: op://a/b/c");
    ASSERT_EQ(page.refusals.size(), 3U);
    EXPECT_EQ(page.refusals[0].cure, "get one at https://get.example, then:");
    EXPECT_EQ(page.refusals[0].command, "capsulectl auth set kimi");
    EXPECT_EQ(page.refusals[1].cure, "see \"capsulectl auth\"");
    EXPECT_EQ(page.refusals[2].cure, "");
}

class LastChoicesFile : public ::testing::Test {
  protected:
    void SetUp() override { ASSERT_NE(mkdtemp(directory_.data()), nullptr); }
    void TearDown() override { fs::remove_all(directory_); }
    void write(std::string_view text) const { std::ofstream(path_or_made()) << text; }
    std::string path() const { return directory_ + "/new/state/choices.json"; }
    std::string path_or_made() const {
        fs::create_directories(fs::path(path()).parent_path());
        return path();
    }
    std::string directory_ = "/tmp/capsule-choices-XXXXXX";
};

TEST_F(LastChoicesFile, RemembersPerAgentAndDirectory) {
    LastChoices choices = LastChoices::load(path());
    choices.remember({"/a", "claude", "zai"});
    choices.remember({"/a", "codex", "minimax"});
    choices.remember({"/b", "claude", "kimi"});
    choices.remember({"/a", "claude", "minimax"});
    ASSERT_TRUE(choices.save(path()));
    struct stat facts {};
    ASSERT_EQ(stat(path().c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600U);
    const LastChoices read = LastChoices::load(path());
    EXPECT_EQ(read.provider("claude", "/a"), "minimax");
    EXPECT_EQ(read.provider("codex", "/a"), "minimax");
    EXPECT_EQ(read.provider("claude", "/b"), "kimi");
    EXPECT_EQ(read.provider("claude", "/c"), std::nullopt);
    EXPECT_EQ(read.agent("/a"), "claude");
    EXPECT_EQ(read.agent("/c"), std::nullopt);
    EXPECT_EQ(std::distance(fs::directory_iterator(fs::path(path()).parent_path()), fs::directory_iterator()), 1)
        << "no temporary file is left";
}

TEST_F(LastChoicesFile, ForgetsTheOldest) {
    LastChoices choices;
    for (std::size_t i = 0; i <= LastChoices::most; ++i)
        choices.remember({"/" + std::to_string(i), "claude", "zai"});
    ASSERT_TRUE(choices.save(path()));
    const LastChoices read = LastChoices::load(path());
    EXPECT_EQ(read.provider("claude", "/0"), std::nullopt);
    EXPECT_EQ(read.provider("claude", "/1"), "zai");
}

TEST_F(LastChoicesFile, WhatIsNotItsOwnIsAsGoodAsEmpty) {
    for (const char* text : {"", "{", "[]", "{\"choices\": 7}", "{\"choices\": [7, {\"directory\": 7}, {}]}", "\xff"}) {
        write(text);
        EXPECT_EQ(LastChoices::load(path()).agent("/a"), std::nullopt) << text;
    }
    fs::remove(path());
    ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);  // would wait for ever
    EXPECT_EQ(LastChoices::load(path()).agent("/a"), std::nullopt);
    fs::remove(path());
    fs::create_directory(path());
    EXPECT_EQ(LastChoices::load(path()).agent("/a"), std::nullopt);
    EXPECT_FALSE(LastChoices().save(path()));
}

TEST_F(LastChoicesFile, APlantedLinkIsNeitherReadNorWrittenThrough) {
    const std::string precious = directory_ + "/precious";
    std::ofstream(precious) << R"({"choices": [{"directory": "/a", "agent": "claude", "provider": "zai"}]})";
    fs::create_symlink(precious, path_or_made());
    EXPECT_EQ(LastChoices::load(path()).agent("/a"), std::nullopt);
    ASSERT_TRUE(LastChoices().save(path()));
    EXPECT_GT(fs::file_size(precious), 20U);
}

}  // namespace
}  // namespace capsule
