#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "daemon/sessions/session_files.hpp"

namespace capsule {
namespace {

class SessionFilesTest : public ::testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "sessions-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        top_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(top_); }

    static SessionRecord record(const std::string& id) {
        SessionRecord out;
        out.id = id;
        out.agent = "claude";
        out.keys = "broker";
        out.token_sha256 = std::string(64, 'a');
        out.pid = 12;
        out.pid_started = 34;
        return out;
    }
    std::vector<SessionRecord> load() {
        problems_.clear();
        return SessionFiles(std::make_shared<StateDirectory>(state())).load(problems_);
    }
    std::string state() const { return (top_ / "a/state").string(); }
    std::filesystem::path directory() const { return top_ / "a/state/sessions"; }
    static mode_t mode(const std::filesystem::path& path) {
        struct stat about {};
        EXPECT_EQ(::stat(path.c_str(), &about), 0) << path;
        return about.st_mode & 0777U;
    }

    std::filesystem::path top_;
    std::vector<std::string> problems_;
};

TEST_F(SessionFilesTest, KeepWhatAnotherDaemonNeeds) {
    const SessionFiles files(std::make_shared<StateDirectory>(state()));
    EXPECT_TRUE(load().empty());
    ASSERT_TRUE(files.keep(record("first")));
    ASSERT_TRUE(files.keep(record("second")));
    ASSERT_TRUE(files.forget("first"));
    ASSERT_TRUE(files.forget("first")) << "it is gone already";
    const auto found = load();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found.front().id, "second");
    EXPECT_EQ(found.front().pid, 12);
    EXPECT_EQ(found.front().pid_started, 34U);
    EXPECT_FALSE(found.front().model);
    EXPECT_TRUE(problems_.empty());
}

TEST_F(SessionFilesTest, ArePrivate) {
    ASSERT_TRUE(SessionFiles(std::make_shared<StateDirectory>(state())).keep(record("first")));
    EXPECT_EQ(mode(directory() / "first.json"), 0600U);
    EXPECT_EQ(mode(directory()), 0700U);
    EXPECT_EQ(mode(state()), 0700U);
}

TEST_F(SessionFilesTest, OfAnotherStartOfTheMachineOrBrokenAreThrownAway) {
    const SessionFiles files(std::make_shared<StateDirectory>(state()));
    ASSERT_TRUE(files.keep(record("old")));
    ASSERT_TRUE(files.keep(record("renamed")));
    std::filesystem::rename(directory() / "renamed.json", directory() / "other.json");
    std::string text;
    {
        std::ifstream in(directory() / "old.json");
        std::getline(in, text);
    }
    text.replace(text.find(boot_id()), 36, std::string(36, '0'));
    std::ofstream(directory() / "old.json") << text;
    std::ofstream(directory() / "broken.json") << "{";
    std::ofstream(directory() / "half.json.new") << "{";
    EXPECT_TRUE(load().empty());
    EXPECT_EQ(problems_.size(), 1U) << "of the broken one alone";
    EXPECT_TRUE(std::filesystem::is_empty(directory()));
}

TEST_F(SessionFilesTest, APlantedLinkIsNotFollowed) {
    const SessionFiles files(std::make_shared<StateDirectory>(state()));
    ASSERT_TRUE(files.keep_port(4587));
    EXPECT_EQ(files.port(), 4587);
    std::ofstream(top_ / "target") << "1\n";
    std::filesystem::remove(directory() / "port");
    std::filesystem::create_symlink(top_ / "target", directory() / "port");
    EXPECT_FALSE(files.port());
    std::filesystem::create_symlink(top_ / "target", directory() / "port.new");
    EXPECT_FALSE(files.keep_port(4588));
    std::string text;
    std::ifstream(top_ / "target") >> text;
    EXPECT_EQ(text, "1");
}

TEST_F(SessionFilesTest, WithNowhereToKeepThemNothingIsKept) {
    const SessionFiles none;
    EXPECT_TRUE(none.keep(record("first")));
    EXPECT_TRUE(none.forget("first"));
    EXPECT_FALSE(none.port());
}

}  // namespace
}  // namespace capsule
