#include "client/verify/moved_homes.hpp"

#include <gtest/gtest.h>

namespace capsule {
namespace {

const MovedHomes homes({{"HOME", "/home/agent"},
                        {"CODEX_HOME", "/home/agent/tools/codex/"},
                        {"XDG_CONFIG_HOME", "/data/config"},
                        {"CLAUDE_CONFIG_DIR", "relative"}},
                       "/tmp/trial");

TEST(MovedHomes, AFileIsMovedWithTheDirectoryThatItIsIn) {
    EXPECT_EQ(homes.moved("/home/agent/x"), "/tmp/trial/x");
    EXPECT_EQ(homes.moved("/home/agent/tools/codex/zai.config.toml"), "/tmp/trial/.codex/zai.config.toml");
    EXPECT_EQ(homes.moved("/home/agent/tools/other"), "/tmp/trial/tools/other");
    EXPECT_EQ(homes.moved("/data/config/opencode/opencode.json"), "/tmp/trial/.config/opencode/opencode.json");
}

TEST(MovedHomes, OneThatIsElsewhereHasNoPlaceThere) {
    for (const char* path : {"/home/agent2/x", "/data/configs", "/data/home/agent/x", "/home/agent/../root/x",
                             "/home/agent/..", "relative/x", "", "/"})
        EXPECT_EQ(homes.moved(path), std::nullopt) << path;
}

TEST(MovedHomes, PathsInAnArgumentAreMoved) {
    EXPECT_EQ(homes.moved_in("model_catalog_json=\"/home/agent/tools/codex/zai.models.json\""),
              "model_catalog_json=\"/tmp/trial/.codex/zai.models.json\"");
    EXPECT_EQ(homes.moved_in("/home/agent:/home/agent/bin"), "/tmp/trial:/tmp/trial/bin");
    EXPECT_EQ(homes.moved_in("{\"a\":\"/data/config\"}"), "{\"a\":\"/tmp/trial/.config\"}");
    for (const char* text : {"/home/agents/x", "x/home/agent/y", "/mnt/home/agent", "https://h/home/agent", ""})
        EXPECT_EQ(homes.moved_in(text), text);
}

TEST(MovedHomes, WhatIsCopiedIsWhereTheSessionHasIt) {
    EXPECT_EQ(homes.real(".codex/config.toml"), "/home/agent/tools/codex/config.toml");
    EXPECT_EQ(homes.real(".config/opencode"), "/data/config/opencode");
    EXPECT_EQ(homes.real(".claude/settings.json"), "/home/agent/.claude/settings.json");
    EXPECT_EQ(homes.real(".claude.json"), "/home/agent/.claude.json");
}

}  // namespace
}  // namespace capsule
