// load_config: which files are read, and which are refused before anything hangs.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "daemon/load/load_env.hpp"
#include "tests/unit/config/loading.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;

class ConfigFiles : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "capsule-config-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        directory_ = pattern;
    }
    void TearDown() override { fs::remove_all(directory_); }

    std::string path(const std::string& name = "capsule.toml") const { return (directory_ / name).string(); }
    void write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
        fs::create_directories((directory_ / name).parent_path());
        std::ofstream(directory_ / name) << text;
        ASSERT_EQ(::chmod(path(name).c_str(), mode), 0);
    }
    Error error(const std::string& name = "capsule.toml") const {
        const auto config = load_config(path(name), false);
        if (config) ADD_FAILURE() << "it was accepted";
        return config ? Error{} : config.error();
    }

    fs::path directory_;
};

TEST_F(ConfigFiles, NoPathAndNoFileAreTheDefaults) {
    EXPECT_EQ(load_config(std::nullopt, false)->path, std::nullopt);
    const auto config = load_config(path(), false);
    ASSERT_TRUE(config);
    EXPECT_EQ(config->path, std::nullopt);
}

TEST_F(ConfigFiles, AFileThatMustBeThere) {
    const auto config = load_config(path(), true);
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().code, ErrorCode::config_conflict);
    EXPECT_EQ(config.error().message, path() + ": there is no such file");
}

TEST_F(ConfigFiles, ReadsTheFileAndTheRolesBesideIt) {
    write("capsule.toml", "[daemon]\nlog_level = \"warn\"\n");
    write("roles/reviewer.toml", "[claude]\nmodel = \"haiku\"\n");
    write("roles/notes.txt", "not a manifest");
    write("roles/.#reviewer.toml", "an editor's lock");
    const auto config = load_config(path(), true);
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->path, path());
    EXPECT_EQ(config->daemon.log_level, "warn");
    ASSERT_EQ(config->roles.size(), 1U);
    EXPECT_EQ(config->roles.at("reviewer").agents.at(Agent::claude).model->value, "haiku");
}

TEST_F(ConfigFiles, ErrorsNameTheFile) {
    write("capsule.toml", "[daemon]\nsokcet = \"/x\"\n");
    EXPECT_EQ(error().message, path() + ":2:1: daemon.sokcet: unknown setting\nsokcet = \"/x\"");
    write("capsule.toml", "");
    write("roles/dev.toml", "[cluade]\n");
    EXPECT_EQ(error().message, path("roles/dev.toml") + ":1:2: cluade: unknown section\n[cluade]");
}

TEST_F(ConfigFiles, ARoleThatCannotBeCalledSo) {
    write("roles/a b.toml", "");
    EXPECT_EQ(error().code, ErrorCode::config_conflict);
    EXPECT_EQ(error().message, path("roles") + "/a b.toml: \"a b\" cannot be a role's name");
}

TEST_F(ConfigFiles, ADirectoryAFifoAndADeviceAreRefusedAtOnce) {
    fs::create_directory(path());
    EXPECT_EQ(error().code, ErrorCode::io_error);
    EXPECT_EQ(error().message, path() + ": this is no regular file");
    fs::remove(path());
    ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
    EXPECT_EQ(error().message, path() + ": this is no regular file");
    fs::remove(path());
    fs::create_symlink("/dev/zero", path());
    EXPECT_EQ(error().message, path() + ": this is no regular file");
}

TEST_F(ConfigFiles, AFifoAmongTheRolesIsRefused) {
    fs::create_directory(path("roles"));
    ASSERT_EQ(::mkfifo(path("roles/dev.toml").c_str(), 0600), 0);
    EXPECT_EQ(error().message, path("roles/dev.toml") + ": this is no regular file");
}

TEST_F(ConfigFiles, RolesThatAreNoDirectory) {
    write("roles", "a file");
    EXPECT_EQ(error().code, ErrorCode::io_error);
    EXPECT_EQ(error().message, path("roles") + ": cannot be read: Not a directory");
}

TEST_F(ConfigFiles, OneMebibyteIsTheLimit) {
    const std::string half(1024 * 512, '#');
    write("capsule.toml", half + half);
    EXPECT_TRUE(load_config(path(), true));
    write("capsule.toml", half + half + "#");
    EXPECT_EQ(error().code, ErrorCode::io_error);
    EXPECT_EQ(error().message, path() + ": this is larger than 1 MiB");
}

TEST_F(ConfigFiles, UnreadableIsSaid) {
    write("capsule.toml", "", 0000);
    constexpr uid_t nobody = 65534;
    const bool root = ::geteuid() == 0;  // who reads everything
    if (root) {
        ASSERT_EQ(::seteuid(nobody), 0);
    }
    const Error why = error();
    if (root) {
        ASSERT_EQ(::seteuid(0), 0);
    }
    EXPECT_EQ(why.code, ErrorCode::io_error);
    EXPECT_EQ(why.message, path() + ": cannot be read: Permission denied");
}

TEST_F(ConfigFiles, KnowsWhetherItHoldsKeys) {
    const auto holds = [&](const std::string& text) {
        write("capsule.toml", text);
        return holds_keys(*load_config(path(), true));
    };
    EXPECT_FALSE(holds(""));
    EXPECT_TRUE(holds("[env]\nZAI_API_KEY = \"FAKE-zai-0001\"\n"));
    EXPECT_TRUE(holds("[workspaces.a.env]\nZAI_API_KEY = \"FAKE\"\n"));
    EXPECT_TRUE(holds("[workspaces.a.roles.b.env]\nCLAUDE_CODE_OAUTH_TOKEN = \"FAKE\"\n"));
    EXPECT_TRUE(holds("[workspaces.a.env]\nNPM_TOKEN = \"FAKE\"\n")) << "for the sessions of a alone";
    EXPECT_TRUE(holds("[workspaces.a.env]\nHTTPS_PROXY = \"http://me:FAKE@127.0.0.1:1\"\n"));
    EXPECT_TRUE(holds("[providers.zai.claude.env]\nHTTPS_PROXY = \"http://me:FAKE@127.0.0.1:1\"\n")) << "of zai alone";
    EXPECT_TRUE(holds("[providers.zai.models.\"glm-5.3\".claude.env]\nGATEWAY_TOKEN = \"FAKE\"\n"));
    EXPECT_FALSE(holds("[providers.zai.claude.env]\nMAX_OUTPUT_TOKENS = \"64000\"\nNO_TOKEN = \"\"\n"));
    EXPECT_TRUE(holds("[broker]\nproxy = \"http://me:FAKE@127.0.0.1:1\"\n"));
    EXPECT_FALSE(holds("[broker]\nproxy = \"http://127.0.0.1:1\"\n"));
    EXPECT_FALSE(holds("[env]\nNPM_TOKEN = \"FAKE\"\n[workspaces.a.env]\nMODE = \"x\"\n"));
    // References and "ignore" are no keys.
    EXPECT_FALSE(
        holds("[env]\nZAI_API_KEY = \"op://a/b/c\"\nKIMI_CODE_API_KEY = \"$K\"\nMINIMAX_API_KEY = \"\"\n"
              "MY_TEAM = \"x\"\n"));
}

TEST_F(ConfigFiles, AndWhetherItHoldsWhatIsMaskedAsASecret) {
    const auto holds = [&](const std::string& text) {
        write("capsule.toml", text);
        return holds_secrets(*load_config(path(), true));
    };
    EXPECT_TRUE(holds("[env]\nGH_TOKEN = \"FAKE\"\n"));
    EXPECT_TRUE(holds("[env]\nDATABASE = \"postgres://me:FAKE@db.example/team\"\n"));
    EXPECT_TRUE(holds("[env]\nZAI_API_KEY = \"FAKE-zai-0001\"\n"));
    EXPECT_TRUE(holds("[workspaces.a.env]\nNPM_TOKEN = \"FAKE\"\n"));
    EXPECT_FALSE(holds("[env]\nZAI_API_KEY = \"op://a/b/c\"\nMAX_OUTPUT_TOKENS = \"64000\"\nGH_TOKEN = \"\"\n"));
}

// Who can change it gives himself every key ([access]).
TEST_F(ConfigFiles, OneThatAnotherUserCouldChangeIsRefused) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to give something away";
    write("capsule.toml", "");
    write("roles/dev.toml", "");
    EXPECT_TRUE(load_config(path(), true));
    for (const char* each : {"capsule.toml", "roles", "roles/dev.toml", "."}) {
        ASSERT_EQ(::chown(path(each).c_str(), 4711, 4711), 0);
        const Error refused = error();
        EXPECT_EQ(refused.code, ErrorCode::config_conflict) << each;
        EXPECT_NE(refused.message.find("belongs to user 4711, who could change it"), std::string::npos)
            << refused.message;
        EXPECT_NE(refused.hint.find("chown root '"), std::string::npos) << refused.hint;
        ASSERT_EQ(::chown(path(each).c_str(), 0, 0), 0);
    }
    ASSERT_EQ(::chmod(path("roles").c_str(), 01777), 0);
    EXPECT_NE(error().message.find("roles can be added to by any user"), std::string::npos) << error().message;
    ASSERT_EQ(::chmod(path("roles").c_str(), 0755), 0);
    ASSERT_EQ(::chmod(directory_.c_str(), 0777), 0);
    EXPECT_EQ(error().code, ErrorCode::config_conflict) << "everybody could put another there";
    EXPECT_EQ(error("none.toml").code, ErrorCode::config_conflict) << "or one where there is none";
}

}  // namespace
}  // namespace capsule
