// Which of several sources wins, and what becomes of one that is rotated, slow, broken or no key.
#include <sys/stat.h>

#include <chrono>
#include <thread>

#include "tests/support/capsule_test.hpp"

namespace capsule::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

class KeySources : public CapsuleTest {
  protected:
    static constexpr std::string_view spawn_zai =
        R"({"agent":"claude","provider":"zai","workspace":"acme","role":"reviewer"})";

    /// The key of a session on Z.AI, for a reviewer in acme.
    std::string key() const { return text_at(call("spawn", spawn_zai), "/env/ANTHROPIC_AUTH_TOKEN"); }
    std::string key_error() const { return expect_error("spawn", spawn_zai, -32006, "key.error"); }

    json::value row() const {
        return find_by(at(call("auth.list", R"({"workspace":"acme","role":"reviewer"})"), "/rows"), "provider", "zai");
    }
    void expect_winner(const std::string& value, std::string_view source, std::string_view scope) const {
        EXPECT_EQ(key(), value);
        EXPECT_EQ(text_at(row(), "/source"), source);
        EXPECT_EQ(text_at(row(), "/scope"), scope);
    }
    /// What the row says has lost; "" when it says nothing of the kind.
    std::string losers() const {
        const json::value found = row();
        for (const json::value& warning : at(found, "/warnings").as_array())
            if (text_at(warning, "/code") == "key.shadowed") return text_at(warning, "/message");
        return {};
    }
    void set(std::string_view value, std::string_view scope) const {
        call("auth.set",
             R"({"provider":"zai","value":")" + std::string(value) + R"(","scope":)" + std::string(scope) + "}");
    }
    void unset(std::string_view scope) const {
        call("auth.unset", R"({"provider":"zai","scope":)" + std::string(scope) + "}");
    }
    void configure(std::string_view config) const {
        write_file(config_file(), config);
        call("reload");
    }
    void start_with_op(std::string_view script) {
        write_file(agents_.bin() / "op", "#!/bin/sh\n" + std::string(script));
        fs::permissions(agents_.bin() / "op", fs::perms{0755});
        start({.env = {},
               .config = "[env]\nZAI_API_KEY = \"op://Private/zai/key\"\n[keys]\nop = \"" +
                         (agents_.bin() / "op").string() + "\"\n"});
    }
};

constexpr std::string_view of_role = R"({"workspace":"acme","role":"reviewer"})";
constexpr std::string_view of_workspace = R"({"workspace":"acme"})";
constexpr std::string_view global = "{}";

TEST_F(KeySources, EachOneWinsOverThoseBelowUntilItIsGone) {
    const std::string global_table = "[env]\nZAI_API_KEY = \"FAKE-config-global\"\n";
    const std::string workspace_table = "[workspaces.acme.env]\nZAI_API_KEY = \"FAKE-config-workspace\"\n";
    const std::string role_table = "[workspaces.acme.roles.reviewer.env]\nZAI_API_KEY = \"FAKE-config-role\"\n";
    start({.env = {{"ZAI_API_KEY", "FAKE-environment"}}, .config = global_table + workspace_table + role_table});
    set("FAKE-stored-role", of_role);
    set("FAKE-stored-workspace", of_workspace);
    set("FAKE-stored-global", global);

    expect_winner("FAKE-stored-role", "auth.toml", "role");
    EXPECT_THAT(losers(), AllOf(HasSubstr("capsule.toml:6, auth.toml, capsule.toml:4, auth.toml, capsule.toml:2, "
                                          "environment"),
                                HasSubstr("auth.toml comes first"), Not(HasSubstr(keys::mark))));
    unset(of_role);
    expect_winner("FAKE-config-role", "capsule.toml:6", "role");
    configure(global_table + workspace_table);
    expect_winner("FAKE-stored-workspace", "auth.toml", "workspace");
    unset(of_workspace);
    expect_winner("FAKE-config-workspace", "capsule.toml:4", "workspace");
    configure(global_table);
    expect_winner("FAKE-stored-global", "auth.toml", "global");
    unset(global);
    expect_winner("FAKE-config-global", "capsule.toml:2", "global");
    configure("");
    expect_winner("FAKE-environment", "environment", "container");
    EXPECT_EQ(losers(), "");
}

TEST_F(KeySources, AFileThatOthersCanReadIsWarnedOf) {
    const fs::path credentials = dir_ / "credentials";
    const std::vector<fs::path> files{dir_ / "zai-key", credentials / "KIMI_CODE_API_KEY",
                                      credentials / "CLAUDE_CODE_OAUTH_TOKEN", dir_ / "state/auth.toml"};
    for (const fs::path& file : files)
        write_file(file, "FAKE-file-0001");
    write_file(files.back(), "[env]\nMINIMAX_API_KEY = \"FAKE-stored-0001\"\n");
    for (const fs::path& file : files)
        fs::permissions(file, fs::perms{0644});
    start({.env = {{"ZAI_API_KEY_FILE", files[0].string()}, {"CREDENTIALS_DIRECTORY", credentials.string()}}});
    const auto warned = [&] {
        std::set<std::string> of;
        const json::value status = call("status");
        for (const json::value& warning : at(status, "/warnings").as_array())
            if (text_at(warning, "/code") == "keys.readable")
                for (const fs::path& file : files)
                    if (text_at(warning, "/message").starts_with(file.string() + " ")) of.insert(file.string());
        return of;
    };
    EXPECT_EQ(warned().size(), files.size());
    fs::permissions(files[0], fs::perms{0640});
    EXPECT_EQ(warned().size(), files.size());
    for (const fs::path& file : files)
        fs::permissions(file, fs::perms{0600});
    fs::permissions(files[1], fs::perms{0604});
    EXPECT_EQ(warned(), std::set<std::string>{files[1].string()});
    fs::permissions(files[1], fs::perms{0600});
    EXPECT_EQ(warned(), std::set<std::string>{});
}

TEST_F(KeySources, AConfigurationThatIsOpenedOrClosedAfterItsLoadIsLookedAtAgain) {
    start({.env = {}, .config = "[workspaces.acme.env]\nNPM_TOKEN = \"FAKE-npm-0001\"\n"});
    const auto is_warned_of = [&] {
        const std::string warnings = json::serialize(at(call("status"), "/warnings"));
        return warnings.find(config_file().string() + " holds keys and others can read it") != std::string::npos;
    };
    EXPECT_FALSE(is_warned_of());
    for (const unsigned open : {0644U, 0640U, 0604U, 0666U}) {
        fs::permissions(config_file(), fs::perms{open});
        EXPECT_TRUE(is_warned_of()) << std::oct << open;
        fs::permissions(config_file(), fs::perms{0600});
        EXPECT_FALSE(is_warned_of()) << std::oct << open;
    }
    fs::permissions(config_file(), fs::perms{0644});
    configure("[workspaces.acme.env]\nMODE = \"x\"\n");
    EXPECT_FALSE(is_warned_of()) << "it holds none any more";
}

TEST_F(KeySources, CapsuledListsNoKeyFileOfTwoLines) {
    fs::create_directories(home());
    write_file(config_file(), "");
    const Environment named{{"ZAI_API_KEY_FILE", "/nonexistent/a\nb"}};
    const Outcome outcome = run_command(
        {.argv = {CAPSULED_BINARY, "--config", config_file(), "--key-files"}, .env = with(base_env(), named)});
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, HasSubstr("has a line end"));
}

TEST_F(KeySources, CapsuledSaysWhichFilesMayHoldThem) {
    const auto files = [&](std::string_view config) {
        fs::create_directories(home());
        write_file(config_file(), config);
        const Environment named{{"ZAI_API_KEY_FILE", "/nonexistent/zai"}, {"CREDENTIALS_DIRECTORY", "/nonexistent/of"}};
        const Outcome outcome = run_command(
            {.argv = {CAPSULED_BINARY, "--config", config_file(), "--key-files"}, .env = with(base_env(), named)});
        EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
        EXPECT_THAT(outcome.out, Not(HasSubstr(keys::mark)));
        return "\n" + outcome.out;
    };
    const std::string configuration = "\n" + config_file().string() + "\n";
    for (const std::string_view none : {"", "[env]\nZAI_API_KEY = \"op://a/b/c\"\nKIMI_CODE_API_KEY = \"$OTHER\"\n"})
        EXPECT_THAT(
            files(none),
            AllOf(HasSubstr("\n/nonexistent/zai\n"), HasSubstr("\n/nonexistent/of/KIMI_CODE_API_KEY\n"),
                  HasSubstr("\n/run/secrets/ZAI_API_KEY\n"), HasSubstr("\n/run/secrets/CLAUDE_CODE_OAUTH_TOKEN\n"),
                  HasSubstr("\n" + (dir_ / "state/auth.toml").string() + "\n"), Not(HasSubstr(configuration))));
    for (const std::string_view with_key :
         {"[env]\nZAI_API_KEY = \"FAKE-1\"\n", "[workspaces.a.env]\nZAI_API_KEY = \"FAKE-1\"\n",
          "[workspaces.a.roles.b.env]\nNPM_TOKEN = \"FAKE-1\"\n",
          "[broker]\nproxy = \"http://user:FAKE-word@127.0.0.1:1\"\n"})
        EXPECT_THAT(files(with_key), HasSubstr(configuration)) << with_key;
    const Outcome relative = run_command(
        {.argv = {CAPSULED_BINARY, "--config", fs::relative(config_file()), "--key-files"}, .env = base_env()});
    EXPECT_THAT("\n" + relative.out, HasSubstr("\n" + fs::current_path().string())) << "whoever reads it";
    EXPECT_THAT(files("[providers.kimi]\nkey_env = \"TEAM_KIMI_KEY\"\n"), HasSubstr("\n/run/secrets/TEAM_KIMI_KEY\n"));
}

TEST_F(KeySources, TheContainersOwnComeInTheirOrder) {
    write_file(dir_ / "file", "FAKE-file\n");
    write_file(dir_ / "credentials/ZAI_API_KEY", "FAKE-credential\n");
    const Environment below{{"ZAI_API_KEY_FILE", dir_ / "file"}, {"CREDENTIALS_DIRECTORY", dir_ / "credentials"}};
    start({.env = with(below, {{"ZAI_API_KEY", "FAKE-environment"}})});
    expect_winner("FAKE-environment", "environment", "container");
    EXPECT_THAT(losers(), HasSubstr("ZAI_API_KEY_FILE, systemd credential"));
    stop();
    start({.env = below});
    expect_winner("FAKE-file", "ZAI_API_KEY_FILE", "container");
    EXPECT_THAT(losers(), HasSubstr("also in systemd credential,"));
    write_file(dir_ / "file", "");
    expect_winner("FAKE-credential", "systemd credential", "container");
    fs::remove(dir_ / "credentials/ZAI_API_KEY");
    EXPECT_EQ(text_at(row(), "/state"), "absent");
}

TEST_F(KeySources, IgnoreHidesWhatLiesBelowAndSaysSo) {
    start({.env = {{"ZAI_API_KEY", "FAKE-environment"}},
           .config = "[workspaces.acme.env]\nZAI_API_KEY = \"\"\n[env]\nZAI_API_KEY = \"FAKE-config\"\n"});
    expect_error("spawn", spawn_zai, -32005, "key.absent");
    EXPECT_EQ(text_at(row(), "/mode"), "ignore");
    EXPECT_THAT(losers(), AllOf(HasSubstr("capsule.toml:4, environment"), HasSubstr("says to ignore it")));
    set("FAKE-stored", of_role);
    EXPECT_EQ(key(), "FAKE-stored");
}

/// Kubernetes mounts NAME -> ..data/NAME, and ..data -> a directory that it makes anew and renames the link to.
TEST_F(KeySources, ARotationAsKubernetesDoesItShowsInTheNextSpawn) {
    const fs::path mount = dir_ / "mounted";
    const auto publish = [&](const std::string& version, const std::string& value) {
        write_file(mount / version / "ZAI_API_KEY", value);
        fs::create_directory_symlink(version, mount / "..data_tmp");
        fs::rename(mount / "..data_tmp", mount / "..data");
    };
    publish("..2026_01", "FAKE-first");
    fs::create_symlink("..data/ZAI_API_KEY", mount / "ZAI_API_KEY");
    start({.env = {{"ZAI_API_KEY_FILE", mount / "ZAI_API_KEY"}}});
    EXPECT_EQ(key(), "FAKE-first");
    EXPECT_EQ(key(), "FAKE-first") << "the same request again";
    publish("..2026_02", "FAKE-secnd");  // of the same length
    EXPECT_EQ(key(), "FAKE-secnd");
    fs::remove_all(mount / "..2026_01");
    EXPECT_EQ(key(), "FAKE-secnd");
    fs::remove(mount / "..data");
    EXPECT_THAT(key_error(), HasSubstr("which is not there"));
    publish("..2026_03", "FAKE-third");
    EXPECT_EQ(key(), "FAKE-third");
}

TEST_F(KeySources, WhatIsNoSecretFileIsAnErrorThatNamesIt) {
    const fs::path file = dir_ / "secret";
    start({.env = {{"ZAI_API_KEY_FILE", file}}});
    ASSERT_EQ(mkfifo(file.c_str(), 0600), 0);
    EXPECT_THAT(key_error(), AllOf(HasSubstr(file.string()), HasSubstr("is a FIFO")));
    fs::remove(file);
    fs::create_directory(file);
    EXPECT_THAT(key_error(), AllOf(HasSubstr(file.string()), HasSubstr("is a directory")));
    fs::remove(file);
    write_file(file, std::string(10'000'000, 'x'));
    EXPECT_THAT(key_error(), AllOf(HasSubstr(file.string()), HasSubstr("larg")));
    write_file(file, std::string_view("FAKE-\0-key", 10));
    EXPECT_THAT(key_error(), HasSubstr(file.string()));
    write_file(file, "FAKE-good");
    EXPECT_EQ(key(), "FAKE-good");
}

TEST_F(KeySources, AVariableThatIsNotSetIsNamed) {
    start({.env = {{"ZAI_API_KEY", "FAKE-below"}}, .config = "[env]\nZAI_API_KEY = \"${ACME_KEY}\"\n"});
    EXPECT_THAT(key_error(), AllOf(HasSubstr("ACME_KEY"), HasSubstr("not set"), HasSubstr("capsule.toml:2")));
    EXPECT_EQ(text_at(row(), "/state"), "error");
}

TEST_F(KeySources, OpThatIsNotInstalled) {
    start({.env = {}, .config = "[env]\nZAI_API_KEY = \"op://Private/zai/key\"\n"});
    EXPECT_THAT(key_error(), AllOf(HasSubstr("op is not installed"), HasSubstr("Z.AI")));
}

TEST_F(KeySources, OpThatGivesNothing) {
    start_with_op("exit 0\n");
    EXPECT_THAT(key_error(), HasSubstr("op gave an empty value"));
}

/// Ten seconds, which is op's limit.
TEST_F(KeySources, OpThatNeverAnswersIsCutOffWhileOthersAreServed) {
    start_with_op("echo $$ >\"${0%/*}/op.pid\"; exec /bin/sleep 60\n");
    RawConnection slow = daemon().connect();
    slow.send_line(request("1", "spawn", spawn_zai));
    const auto begin = std::chrono::steady_clock::now();
    call("spawn", R"({"agent":"claude","provider":"anthropic"})");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
    const json::value answer = parse(slow.read_line().value());
    EXPECT_EQ(text_at(answer, "/error/data/code"), "key.error");
    EXPECT_THAT(text_at(answer, "/error/message"), HasSubstr("10 s"));
    // The answer does not wait for that.
    const pid_t op = std::stoi(read_file(agents_.bin() / "op.pid"));
    for (int tries = 0; kill(op, 0) == 0 && tries < 600; ++tries)
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_NE(kill(op, 0), 0) << "it was ended";
    EXPECT_EQ(text_at(row(), "/state"), "error");
}

TEST_F(KeySources, NamesThatAreNoScopeAreRefused) {
    start();
    for (const char* role : {"../x", "a/b", "..", "", "a\\u0000b"})
        for (const char* method : {"spawn", "explain"})
            EXPECT_THAT(expect_error(method,
                                     R"({"agent":"claude","provider":"zai","workspace":"acme","role":")" +
                                         std::string(role) + "\"}",
                                     -32602, ""),
                        HasSubstr("role"));
}

}  // namespace
}  // namespace capsule::test
