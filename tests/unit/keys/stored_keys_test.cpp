#include "daemon/keys/stored_keys.hpp"

#include <unistd.h>

#include <filesystem>

#include "tests/unit/keys/support.hpp"

namespace capsule::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const KeyScope workspace{"acme", std::nullopt};
const KeyScope dotted{"a.b", "c-d"};

StoredKeys load(const std::string& path) {
    Result<StoredKeys> loaded = StoredKeys::load(path);
    if (loaded) return *std::move(loaded);
    ADD_FAILURE() << loaded.error().message;
    return {};
}

std::string at(const StoredKeys& keys, const KeyScope& scope) {
    const EnvTable* table = keys.table(scope);
    if (!table || !table->contains(variable)) return "none";
    EXPECT_EQ(table->at(variable).origin, "auth.toml");
    return std::string(table->at(variable).value.reveal());
}

TEST(StoredKeys, WhatIsSetIsThereAtOnceAndAfterARestart) {
    const TemporaryDirectory directory;
    const std::string path = directory / "state/auth.toml";
    StoredKeys keys = load(path);
    ASSERT_TRUE(keys.set(variable, {}, Secret("FAKE-global")));
    ASSERT_TRUE(keys.set(variable, workspace, Secret("op://v/i/f")));
    ASSERT_TRUE(keys.set(variable, dotted, Secret(R"(FAKE-"\quoted)")));
    for (const StoredKeys& each : {keys, load(path)}) {
        EXPECT_EQ(at(each, {}), "FAKE-global");
        EXPECT_EQ(at(each, workspace), "op://v/i/f");
        EXPECT_EQ(at(each, dotted), R"(FAKE-"\quoted)");
        EXPECT_EQ(at(each, {"acme", "x"}), "none");
        EXPECT_EQ(at(each, {"other", std::nullopt}), "none");
    }
    EXPECT_EQ(mode_of(path), 0600u);
    EXPECT_EQ(mode_of(directory / "state"), 0700u);
}

TEST(StoredKeys, ItsTextIsAsDocumented) {
    const TemporaryDirectory directory;
    StoredKeys keys = load(directory / "auth.toml");
    ASSERT_TRUE(keys.set(variable, {}, Secret("FAKE-global")));
    ASSERT_TRUE(keys.set(variable, workspace, Secret("FAKE-acme")));
    ASSERT_TRUE(keys.set(variable, {"acme", "reviewer"}, Secret("")));
    EXPECT_THAT(read_text(directory / "auth.toml"),
                HasSubstr("\n[env]\nZAI_API_KEY = \"FAKE-global\"\n"
                          "\n[workspaces.\"acme\".env]\nZAI_API_KEY = \"FAKE-acme\"\n"
                          "\n[workspaces.\"acme\".roles.\"reviewer\".env]\n"
                          "ZAI_API_KEY = \"\"\n"));
}

TEST(StoredKeys, UnsetRemovesOneScopeOnly) {
    const TemporaryDirectory directory;
    StoredKeys keys = load(directory / "auth.toml");
    ASSERT_TRUE(keys.set(variable, {}, Secret("FAKE-global")));
    ASSERT_TRUE(keys.set(variable, workspace, Secret("FAKE-acme")));
    const Result<StoredKeys::Unset> removed = keys.unset(variable, workspace);
    ASSERT_TRUE(removed);
    EXPECT_EQ(*removed, StoredKeys::Unset::removed);
    EXPECT_EQ(at(keys, workspace), "none");
    EXPECT_EQ(at(load(directory / "auth.toml"), {}), "FAKE-global");
    EXPECT_THAT(read_text(directory / "auth.toml"), Not(HasSubstr("acme")));
}

TEST(StoredKeys, UnsetOfWhatIsNotSetSaysSo) {
    const TemporaryDirectory directory;
    StoredKeys keys = load(directory / "auth.toml");
    for (const KeyScope& scope : {KeyScope{}, workspace, dotted}) {
        const Result<StoredKeys::Unset> result = keys.unset(variable, scope);
        ASSERT_TRUE(result);
        EXPECT_EQ(*result, StoredKeys::Unset::was_not_set);
    }
    EXPECT_FALSE(std::filesystem::exists(directory / "auth.toml"));
}

TEST(StoredKeys, TheFileAsItIsNowCounts) {
    const TemporaryDirectory directory;
    StoredKeys keys = load(directory / "auth.toml");
    write_file(directory / "auth.toml", "[env]\nMINIMAX_API_KEY = \"FAKE-by-hand\"\n");
    ASSERT_TRUE(keys.set(variable, {}, Secret("FAKE-global")));
    EXPECT_EQ(keys.table({})->at("MINIMAX_API_KEY").value.reveal(), "FAKE-by-hand");
    EXPECT_EQ(load(directory / "auth.toml").table({})->size(), 2u);
}

TEST(StoredKeys, AModeThatOthersCanReadIsClosed) {
    const TemporaryDirectory directory;
    write_file(directory / "auth.toml", "");
    std::filesystem::permissions(directory / "auth.toml", std::filesystem::perms(0644));
    StoredKeys keys = load(directory / "auth.toml");
    ASSERT_TRUE(keys.set(variable, {}, Secret("FAKE-global")));
    EXPECT_EQ(mode_of(directory / "auth.toml"), 0600u);
}

TEST(StoredKeys, ARoleNeedsItsWorkspace) {
    const TemporaryDirectory directory;
    StoredKeys keys = load(directory / "auth.toml");
    const Result<void> set = keys.set(variable, {std::nullopt, "reviewer"}, Secret("FAKE"));
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error().code, ErrorCode::invalid_params);
}

TEST(StoredKeys, WithoutAStateDirectoryNothingCanBeStored) {
    StoredKeys keys;
    const Result<void> set = keys.set(variable, {}, Secret("FAKE"));
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error().code, ErrorCode::io_error);
    EXPECT_EQ(at(keys, {}), "none");
}

TEST(StoredKeys, ABrokenFileIsRefusedWithItsLineAndKept) {
    const TemporaryDirectory directory;
    const std::string path = directory / "auth.toml";
    const std::map<std::string, std::string> broken{
        {"[env]\nZAI_API_KEY = FAKE\n", ":2:"},
        {"[env]\nZAI_API_KEY = 5\n", ":2:15: env.ZAI_API_KEY: expected a string, got an integer\nZAI_API_KEY = …"},
        {"env = 1\n", ":1:7: env: expected a table, got an integer"},
        {"\n[keys]\n", ":2:2: keys: unknown section\n[keys]"},
        {"[evn]\nZAI_API_KEY = \"FAKE\"\n", ":1:2: evn: unknown section\n[evn]"},
        {"[workspaces.a]\nenvs = {}\n", ":2:1: workspaces.a.envs: unknown section\nenvs = {…"},
        {"[workspaces.a.roles.b]\nkeys = {}\n", ":2:1: workspaces.a.roles.b.keys: unknown section"},
        {"workspaces = []\n", "workspaces: expected a table, got a list"},
        {"[workspaces]\na = \"FAKE\"\n", ":2:1: workspaces.a: expected a table, got a string\na = …"},
        {"[workspaces.a]\nroles = 1\n", "roles: expected a table, got an integer"},
        {"[.]\n", ":1:"}};
    for (const auto& [text, part] : broken) {
        write_file(path, text);
        const Result<StoredKeys> loaded = StoredKeys::load(path);
        ASSERT_FALSE(loaded) << text;
        EXPECT_EQ(loaded.error().code, ErrorCode::config_conflict);
        EXPECT_THAT(loaded.error().message, HasSubstr(path + ":")) << text;
        EXPECT_THAT(loaded.error().message, HasSubstr(part)) << text;
        EXPECT_THAT(loaded.error().message, Not(HasSubstr("FAKE")));
        EXPECT_THAT(loaded.error().hint, HasSubstr("Or remove " + path));
        EXPECT_EQ(read_text(path), text);
    }
}

TEST(StoredKeys, AMisspeltNameGetsTheNearestOne) {
    const TemporaryDirectory directory;
    write_file(directory / "auth.toml", "[workspaces.acme.roels.dev.env]\nZAI_API_KEY = \"FAKE\"\n");
    EXPECT_THAT(StoredKeys::load(directory / "auth.toml").error().hint, HasSubstr("Did you mean \"roles\"?"));
}

TEST(StoredKeys, ASetOverABrokenFileFailsAndChangesNothing) {
    const TemporaryDirectory directory;
    StoredKeys keys = load(directory / "auth.toml");
    ASSERT_TRUE(keys.set(variable, {}, Secret("FAKE-global")));
    write_file(directory / "auth.toml", "[env\n");
    const Result<void> set = keys.set(variable, {}, Secret("FAKE-new"));
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error().code, ErrorCode::config_conflict);
    EXPECT_EQ(read_text(directory / "auth.toml"), "[env\n");
    EXPECT_EQ(at(keys, {}), "FAKE-global");
}

TEST(StoredKeys, ADirectoryInItsPlaceIsAnIoError) {
    const TemporaryDirectory directory;
    const Result<StoredKeys> loaded = StoredKeys::load(directory.path());
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ErrorCode::io_error);
}

TEST(StoredKeys, AreNotKeptWhereAnotherUserCouldChangeThem) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to give something away";
    const TemporaryDirectory directory;
    StoredKeys keys = load(directory / "auth.toml");
    ASSERT_EQ(::chown(directory.path().c_str(), 4711, 4711), 0);
    const Result<void> set = keys.set(variable, {}, Secret("FAKE-new"));
    ASSERT_FALSE(set);
    EXPECT_THAT(set.error().message, HasSubstr("belongs to user 4711"));
    EXPECT_THAT(set.error().hint, HasSubstr("chown root"));
    EXPECT_FALSE(std::filesystem::exists(directory / "auth.toml"));
    EXPECT_EQ(at(keys, {}), "none");
    const Result<StoredKeys> loaded = StoredKeys::load(directory / "auth.toml");
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ErrorCode::io_error);
}

}  // namespace
}  // namespace capsule::test
