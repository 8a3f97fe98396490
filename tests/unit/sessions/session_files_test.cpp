#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "daemon/sessions/ended_file.hpp"
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
        out.pid_inode = 56;
        return out;
    }
    std::vector<KeptSession> load() {
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
    EXPECT_EQ(found.front().session.id, "second");
    EXPECT_EQ(found.front().session.pid, 12);
    EXPECT_EQ(found.front().session.pid_started, 34U);
    EXPECT_EQ(found.front().session.pid_inode, 56U);
    EXPECT_FALSE(found.front().session.model);
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

TEST_F(SessionFilesTest, ThePortIsKeptWithTheProcessThatHoldsIt) {
    const SessionFiles files(std::make_shared<StateDirectory>(state()));
    KeptPort kept;
    kept.port = 4587;
    ASSERT_TRUE(files.keep_port(kept));
    ASSERT_TRUE(files.port());
    EXPECT_EQ(files.port()->port, 4587);
    EXPECT_FALSE(files.port()->holder);
    kept.holder = ProcessIdentity{17, 4711, 815};
    ASSERT_TRUE(files.keep_port(kept));
    ASSERT_TRUE(files.port() && files.port()->holder);
    EXPECT_EQ(files.port()->port, 4587);
    EXPECT_EQ(files.port()->holder->pid, 17);
    EXPECT_EQ(files.port()->holder->started, 4711U);
    EXPECT_EQ(files.port()->holder->inode, 815U);
    EXPECT_FALSE(files.port()->maker);
    kept.maker = 6829;
    ASSERT_TRUE(files.keep_port(kept));
    EXPECT_EQ(files.port()->holder->inode, 815U);
    EXPECT_EQ(files.port()->maker, 6829U);
    kept.holder.reset();
    ASSERT_TRUE(files.keep_port(kept));
    EXPECT_FALSE(files.port()->holder);
    EXPECT_EQ(files.port()->maker, 6829U);
    std::ofstream(directory() / "port") << "4587 17 4711 " << boot_id() << "\n";
    ASSERT_TRUE(files.port()->holder) << "an older daemon's";
    EXPECT_EQ(files.port()->holder->inode, 0U);
    std::ofstream(directory() / "port") << "4587 17 4711 another-boot\n";
    EXPECT_FALSE(files.port()->holder) << "after the machine's start the pid is another process's";
}

TEST_F(SessionFilesTest, APlantedLinkIsNotFollowed) {
    const SessionFiles files(std::make_shared<StateDirectory>(state()));
    KeptPort kept;
    kept.port = 4587;
    ASSERT_TRUE(files.keep_port(kept));
    ASSERT_TRUE(files.port());
    std::ofstream(top_ / "target") << "1\n";
    std::filesystem::remove(directory() / "port");
    std::filesystem::create_symlink(top_ / "target", directory() / "port");
    EXPECT_FALSE(files.port());
    std::filesystem::create_symlink(top_ / "target", directory() / "port.new");
    EXPECT_TRUE(files.keep_port(kept)) << "in place of the link";
    EXPECT_TRUE(files.port());
    std::string text;
    std::ifstream(top_ / "target") >> text;
    EXPECT_EQ(text, "1");
}

// Where the directory was open once, others may have made FIFOs there, which nobody reads.
TEST_F(SessionFilesTest, APlantedFifoHoldsNobodyUp) {
    const auto kept = std::make_shared<StateDirectory>(state());
    const SessionFiles files(kept);
    ASSERT_TRUE(files.keep(record("first")));
    const auto ended = directory() / "ended.jsonl";
    for (const auto& path : {directory() / "port.new", ended})
        ASSERT_EQ(::mkfifo(path.c_str(), 0666), 0);
    KeptPort chosen;
    chosen.port = 4587;
    EXPECT_TRUE(files.keep_port(chosen));
    KeptEnd end;
    end.session = record("first");
    EXPECT_TRUE(EndedFile(kept).add(end));
    EXPECT_TRUE(std::filesystem::is_regular_file(ended));
    EXPECT_EQ(mode(ended), 0600U);
}

TEST_F(SessionFilesTest, KeepWhatASessionDid) {
    const SessionFiles files(std::make_shared<StateDirectory>(state()));
    const BootClock::time_point now(std::chrono::hours(5));
    broker::Traffic traffic;
    traffic.requests = 3;
    traffic.streams = 2;
    traffic.tokens = {10, 4, 2};
    traffic.models = {{"asked", "answered", 1}};
    traffic.last = broker::LastAnswer{"2026-11-26T00:00:00Z", 429, "used up"};
    SessionCounts counts;
    counts.add(traffic);
    counts.limit.learn({broker::Limit{"model", "not in the plan", std::nullopt}, "asked"}, now);
    EXPECT_EQ(session_row({}, counts, std::nullopt, now).limit->model, "asked");
    counts.limit.learn({broker::Limit{"window", "used up", std::nullopt}, "asked"}, now);
    ASSERT_TRUE(files.keep(record("first"), counts.kept(now)));
    const auto found = load();
    ASSERT_EQ(found.size(), 1U);
    ASSERT_TRUE(found.front().counts);
    const auto row_at = [&](std::chrono::hours later) {
        return session_row({}, SessionCounts(*found.front().counts, now + later), std::nullopt, now + later);
    };
    const SessionRow row = row_at(std::chrono::hours(1));
    EXPECT_EQ(row.requests.total, 3U);
    EXPECT_EQ(row.requests.failed, 2U) << "what was under way was cut";
    EXPECT_EQ(row.streams, 0U);
    EXPECT_EQ(row.tokens.cached, 2U);
    EXPECT_EQ(row.models.at(0).answered, "answered");
    EXPECT_EQ(row.last->message, "used up");
    EXPECT_EQ(row.limit->kind, "window");
    EXPECT_FALSE(row_at(std::chrono::hours(5)).limit) << "no younger than it is";
}

KeptEnd end_of(SessionRecord record, std::string reason) {
    return {std::move(record), {}, std::move(reason), "2026-11-26T00:00:00Z"};
}

TEST_F(SessionFilesTest, ThoseThatEndedAreKeptWithoutTheirTokens) {
    EndedFile file(std::make_shared<StateDirectory>(state()));
    EXPECT_TRUE(file.load().empty());
    ASSERT_TRUE(file.add(end_of(record("first"), "why")));
    ASSERT_TRUE(file.add(end_of(record("second"), "why")));
    ASSERT_TRUE(file.add(end_of(record("first"), "why, with what came later")));
    const auto found = EndedFile(std::make_shared<StateDirectory>(state())).load();
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].session.id, "second");
    EXPECT_EQ(found[1].reason, "why, with what came later");
    EXPECT_EQ(found[1].session.token_sha256, "");
    EXPECT_EQ(mode(directory() / "ended.jsonl"), 0600U);
    EXPECT_TRUE(load().empty()) << "none of them comes back";
    EXPECT_TRUE(problems_.empty());
}

TEST_F(SessionFilesTest, ALineThatIsNotWholeIsLeftOut) {
    EndedFile file(std::make_shared<StateDirectory>(state()));
    ASSERT_TRUE(file.add(end_of(record("first"), "why")));
    std::ofstream(directory() / "ended.jsonl", std::ios::app) << "{\"session\":{\"id\":\"ha\nnonsense\n\n[]\n";
    ASSERT_TRUE(file.add(end_of(record("second"), "why")));
    EXPECT_EQ(file.load().size(), 2U);
    std::filesystem::remove(directory() / "ended.jsonl");
    std::ofstream(top_ / "target") << "";
    std::filesystem::create_symlink(top_ / "target", directory() / "ended.jsonl");
    EXPECT_TRUE(file.load().empty());
    EXPECT_TRUE(file.add(end_of(record("third"), "why"))) << "in place of the link";
    EXPECT_EQ(file.load().size(), 1U);
    EXPECT_EQ(std::filesystem::file_size(top_ / "target"), 0U);
}

TEST_F(SessionFilesTest, ThoseThatEndedAreBounded) {
    EndedFile file(std::make_shared<StateDirectory>(state()));
    for (int i = 0; i < 4000; ++i) {
        ASSERT_TRUE(file.add(end_of(record("session" + std::to_string(i)), std::string(500, 'x'))));
        ASSERT_LE(std::filesystem::file_size(directory() / "ended.jsonl"), EndedFile::largest);
    }
    EXPECT_FALSE(std::filesystem::exists(directory() / "ended.jsonl.new"));
    const auto found = file.load();
    EXPECT_GT(found.size(), 100U);
    for (std::size_t i = 0; i < found.size(); ++i)
        EXPECT_EQ(found[i].session.id, "session" + std::to_string(4000 - found.size() + i)) << "the latest, each whole";
}

TEST_F(SessionFilesTest, WithNowhereToKeepThemNothingIsKept) {
    const SessionFiles none;
    EXPECT_TRUE(EndedFile().add(end_of(record("first"), "why")));
    EXPECT_TRUE(EndedFile().load().empty());
    EXPECT_TRUE(none.keep(record("first")));
    EXPECT_TRUE(none.forget("first"));
    EXPECT_FALSE(none.port());
}

}  // namespace
}  // namespace capsule
