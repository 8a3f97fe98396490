// What each agent is told of the home: read_home_facts() and check_home().
#include "daemon/home/facts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "daemon/agents/claude/cell.hpp"
#include "daemon/agents/codex/home.hpp"
#include "daemon/base/home_visit.hpp"
#include "daemon/base/time_limit.hpp"
#include "temporary_home.hpp"
#include "tests/support/child.hpp"

namespace capsule {
namespace {

namespace fs = std::filesystem;
using test::TemporaryHome;
using test::write_bytes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(HomeFacts, AuthJsonAndDotenvWords) {
    const TemporaryHome home;
    SessionHome session;
    session.home = home.path();
    EXPECT_FALSE(codex_home(read_home_facts(Agent::codex, session)).auth_json);
    EXPECT_THAT(codex_home(read_home_facts(Agent::codex, session)).dotenv_words, IsEmpty());
    fs::create_directory(home / ".codex");
    write_bytes(home / ".codex/auth.json", "{}");
    write_bytes(home / ".codex/.env", "\xEF\xBB\xBF# A=1\r\n  export B_2 = 'A # c'\nMINIMAX_API_KEY=sk-cp-FAKE\nG=");
    const CodexHome facts = codex_home(read_home_facts(Agent::codex, session));
    EXPECT_TRUE(facts.auth_json);
    EXPECT_FALSE(claude_home(read_home_facts(Agent::claude, session)).primary_key);
    EXPECT_THAT(facts.dotenv_words,
                ElementsAre("A", "1", "export", "B_2", "c", "MINIMAX_API_KEY", "sk", "cp", "FAKE", "G"));
}

// Measured with 0.171.0: a keyring and Codex's own memory are other places. (/etc/codex outranks the home's, or not.)
TEST(HomeFacts, ALoginThatCodexDoesNotReadIsNone) {
    const TemporaryHome home;
    SessionHome session;
    session.home = home.path();
    fs::create_directory(home / ".codex");
    write_bytes(home / ".codex/auth.json", "{}");
    for (const auto& [store, counts] :
         {std::pair("file", true), {"auto", true}, {"keyring", false}, {"ephemeral", false}}) {
        write_bytes(home / ".codex/config.toml", "cli_auth_credentials_store = \"" + std::string(store) + "\"\n");
        EXPECT_EQ(codex_home(read_home_facts(Agent::codex, session)).auth_json, counts) << store;
    }
}

TEST(HomeFacts, ALoginsOwnKeyInClaudesFile) {
    const TemporaryHome home;
    SessionHome session;
    session.home = home.path();
    write_bytes(home / ".claude.json", R"({"primaryApiKey":"sk-ant-FAKE-of-a-login"})");
    EXPECT_TRUE(claude_home(read_home_facts(Agent::claude, session)).primary_key);
    write_bytes(home / ".claude.json", R"({"numStartups":3})");
    EXPECT_FALSE(claude_home(read_home_facts(Agent::claude, session)).primary_key);
}

TEST(HomeFacts, WithoutADescriptorNoFileIsMissing) {
    const TemporaryHome home;
    SessionHome session;
    session.home = home.path();
    fs::create_directory(home / ".codex");
    write_bytes(home / ".codex/auth.json", "{}");
    write_bytes(home / ".claude.json", "{}");
    const HomeVisit visit;
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{0, before.rlim_max};
    for (const Agent agent : {Agent::codex, Agent::claude}) {
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
        EXPECT_THROW(read_home_facts(agent, session), Failure);
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    }
    EXPECT_TRUE(codex_home(read_home_facts(Agent::codex, session)).auth_json) << "the visit remembers it";
    set_time_limit(std::chrono::steady_clock::now() - std::chrono::seconds(1));
    forget_directories();
    EXPECT_THROW(read_home_facts(Agent::codex, session), Failure);
    set_time_limit(std::chrono::steady_clock::time_point::max());
}

/// 0: those of Codex and of Claude Code say so; 1: they do not; 2: a failure.
int tells_of_files_that_do_not_answer(const SessionHome& session) {
    try {
        const HomeVisit visit;
        const HomeFacts codex = read_home_facts(Agent::codex, session);
        const HomeFacts claude = read_home_facts(Agent::claude, session);
        const bool told = codex.unreachable.contains(session.codex_directory() + "/config.toml") &&
                          claude.unreachable.contains(session.claude_json());
        // It may have a login's own key.
        return told && !codex_home(codex).config_file && claude_home(claude).primary_key ? 0 : 1;
    } catch (const Failure&) {
        return 2;
    }
}

// As a FUSE mount whose server has ended: the agent cannot read there either.
TEST(HomeFacts, AHomeThatDoesNotAnswerIsToldAndNoFailure) {
    const TemporaryHome home;
    SessionHome session;
    session.home = home.path();
    fs::create_directory(home / ".codex");
    write_bytes(home / ".codex/config.toml", "model = \"x\"\n");
    write_bytes(home / ".claude.json", "{}");
    for (const long call : {SYS_openat2, SYS_openat, SYS_read})
        for (const int problem : {ENOTCONN, EIO, ESTALE, EMFILE, ENOMEM})
            test::in_child([&] {
                test::forbid(call, problem);
                const bool is_the_daemons_own = problem == EMFILE || problem == ENOMEM;
                EXPECT_EQ(tells_of_files_that_do_not_answer(session), is_the_daemons_own ? 2 : 0)
                    << call << " " << problem;
            });
}

TEST(HomeFacts, ADotenvWithoutTextIsNone) {
    const TemporaryHome home;
    fs::create_directories(home / "codex/.env");
    SessionHome session;
    session.home = home.path();
    session.codex_home = home / "codex";
    for (int directory = 1; directory >= 0; --directory) {
        const HomeFacts facts = read_home_facts(Agent::codex, session);
        EXPECT_THAT(codex_home(facts).dotenv_words, IsEmpty());
        EXPECT_THAT(facts.unread, IsEmpty());
        fs::remove(home / "codex/.env");
        fs::create_symlink("/dev/null", home / "codex/.env");
    }
}

void make_too_large(const fs::path& path) {
    write_bytes(path, "");
    fs::resize_file(path, 17 * 1024 * 1024);
}
void make_fifo(const fs::path& path) {
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
}
void lead_into_proc(const fs::path& path) {
    fs::create_symlink("/proc/self/root/dev/null", path);
}
// The kernel follows them all.
void lead_far(const fs::path& path) {
    std::string way = path.parent_path();
    for (int part = 0; part < 1100; ++part)
        way += "/.";
    write_bytes(path.parent_path() / "end", "");
    fs::create_symlink(way + "/end", path.parent_path() / "next");
    fs::create_symlink(way + "/next", path);
}

TEST(HomeFacts, WhatAnAgentMayReadAndCapsuledDoesNotIsUnread) {
    for (const auto put : {make_too_large, make_fifo, lead_into_proc, lead_far})
        for (const char* name : {".codex/config.toml", ".codex/.env", ".codex/auth.json", ".claude.json"}) {
            const TemporaryHome home;
            SessionHome session;
            session.home = home.path();
            fs::create_directory(home / ".codex");
            put(home / name);
            const bool is_claudes = name == std::string(".claude.json");
            const HomeFacts facts = read_home_facts(is_claudes ? Agent::claude : Agent::codex, session);
            EXPECT_EQ(claude_home(facts).primary_key, is_claudes) << "it may have a login's own key";
            if (name == std::string(".codex/auth.json") && put == make_too_large) {
                EXPECT_TRUE(codex_home(facts).auth_json) << "whatever is in it";
                continue;
            }
            const std::string path = home / name;
            ASSERT_TRUE(facts.unread.contains(path)) << name;
            EXPECT_THAT(facts.unread.at(path).message, HasSubstr(path));
            EXPECT_THAT(facts.unreachable, IsEmpty());
        }
}

// Claude Code takes a login from a path of another user's, whatever the home is.
TEST(HomeFacts, WhoElseCanMakeAFileIsKnown) {
    const TemporaryHome home;
    const std::string file = home / "claude/.claude/file", directory = home / "claude/.claude";
    const auto others_can = [&] { return others_can_make(file, ::geteuid()); };
    EXPECT_FALSE(others_can()) << "there is no such user";
    EXPECT_TRUE(others_can_make("/tmp/capsule-test-made-by-nobody/.claude/file", ::geteuid()))
        << "a /home that is open";
    for (const auto& target : {home / "away", std::string("/nowhere")}) {
        fs::create_symlink(target, home / "claude");
        EXPECT_TRUE(others_can()) << "a link to " << target;
        fs::remove(home / "claude");
        fs::create_directory(home / "away");
    }
    fs::create_directories(directory);
    EXPECT_FALSE(others_can());
    for (const auto& target : {home / "open/file", std::string("/nowhere"), std::string("../..")}) {
        fs::create_symlink(target, file);
        EXPECT_TRUE(others_can()) << "the file is a link to " << target;
        fs::remove(file);
    }
    fs::create_symlink("/dev/null", file);
    EXPECT_FALSE(others_can()) << "nobody can put a file there";
    fs::remove(file);
    write_bytes(file, "");
    EXPECT_FALSE(others_can()) << "its own";
    if (::geteuid() == 0) {
        EXPECT_EQ(::chown(file.c_str(), 4711, 4711), 0);
        EXPECT_TRUE(others_can()) << "whoever reads it now, its owner says who may";
    }
    fs::remove(file);
    for (const auto& [mode, expected] : {std::pair{0775, true}, {01777, true}, {0755, false}}) {
        EXPECT_EQ(::chmod(directory.c_str(), static_cast<mode_t>(mode)), 0);
        EXPECT_EQ(others_can(), expected) << mode;
    }
    EXPECT_EQ(::chmod((home / "claude").c_str(), 01777), 0);
    EXPECT_FALSE(others_can()) << "what is there cannot be replaced";
    fs::remove(directory);
    EXPECT_TRUE(others_can());
    if (::geteuid() != 0) GTEST_SKIP() << "giving a directory away takes root";
    EXPECT_EQ(::chmod((home / "claude").c_str(), 0755), 0);
    EXPECT_EQ(::chown((home / "claude").c_str(), 4711, 4711), 0);
    EXPECT_TRUE(others_can());
}

TEST(HomeFacts, ADatabaseOfOpencodesBehindSuchLinksIsAnError) {
    for (const auto put : {lead_into_proc, lead_far}) {
        const TemporaryHome home;
        put(home / "opencode");
        Plan plan;
        plan.env["XDG_DATA_HOME"] = {home / "data", "test"};
        plan.env["OPENCODE_DB"] = {home / "opencode/opencode.db", "test"};
        const Result<void> fine = check_home(Agent::opencode, plan, SessionHome());
        ASSERT_FALSE(fine);
        EXPECT_THAT(fine.error().message, HasSubstr(home.path() + "/opencode/opencode.db"));
    }
}

TEST(HomeFacts, LoginsOfOpencodesThatCapsuledDoesNotReadAreAnError) {
    for (const auto put : {make_too_large, make_fifo, lead_into_proc, lead_far}) {
        const TemporaryHome home;
        fs::create_directory(home / "opencode");
        put(home / "opencode/auth.json");
        Plan plan;
        plan.env["XDG_DATA_HOME"] = {home.path(), "test"};
        const Result<void> fine = check_home(Agent::opencode, plan, SessionHome());
        ASSERT_FALSE(fine);
        EXPECT_EQ(fine.error().code, ErrorCode::config_conflict);
        EXPECT_THAT(fine.error().message, HasSubstr(home.path() + "/opencode/auth.json cannot be read"));
    }
}

}  // namespace
}  // namespace capsule
