#include "daemon/keys/op_reader.hpp"

#include "daemon/keys/op_program.hpp"
#include "daemon/users/users.hpp"
#include "protocol/trusted_path.hpp"

#include <gtest/gtest.h>

#include "tests/unit/support/run_io.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace capsule {
namespace {

namespace asio = boost::asio;

class Op : public testing::Test {
  protected:
    Op() {
        environment_.emplace("PATH", Secret(directory_.path() + "/of-the-sessions"));
        environment_.emplace("HOME", Secret("/home/fake"));
        environment_.emplace("OP_SERVICE_ACCOUNT_TOKEN", Secret("fake-op-token-0001"));
        environment_.emplace("ZAI_API_KEY", Secret("fake-zai-key-0001"));
    }
    Result<Secret> read() { return run(io_, reader_.read("op://vault/item/field", directory_.path() + "/op")); }

    TempDir directory_;
    std::map<std::string, Secret> environment_;
    asio::io_context io_;
    SubprocessRunner runner_;
    OpReader reader_{io_.get_executor(), runner_, environment_};
};

TEST_F(Op, ReadsOnceUntilForgotten) {
    directory_.program(
        "op", "echo run >> " + directory_.path() +
                  "/runs; [ \"$*\" = 'read --no-newline op://vault/item/field' ] && printf fake-key-%s \"$(wc -l < " +
                  directory_.path() + "/runs)\"");
    EXPECT_FALSE(reader_.remembered("op://vault/item/field"));
    EXPECT_EQ(read()->reveal(), "fake-key-1");
    EXPECT_EQ(read()->reveal(), "fake-key-1");
    EXPECT_EQ((*reader_.remembered("op://vault/item/field"))->reveal(), "fake-key-1");
    reader_.forget();
    EXPECT_EQ(read()->reveal(), "fake-key-2");
}

TEST_F(Op, GetsItsOwnVariablesOnly) {
    directory_.program("op", "env | grep -v -e ^PWD= -e ^_= -e ^OLDPWD= | cut -d= -f1 | sort | tr '\\n' ,");
    EXPECT_EQ(read()->reveal(), "HOME,OP_SERVICE_ACCOUNT_TOKEN,PATH,");
}

TEST_F(Op, FailsWithOpsOwnMessageRedacted) {
    directory_.program("op", "echo \"[ERROR] not signed in with $OP_SERVICE_ACCOUNT_TOKEN\" >&2; exit 1");
    const auto value = read();
    ASSERT_FALSE(value);
    EXPECT_EQ(value.error().code, ErrorCode::key_error);
    EXPECT_EQ(value.error().message, "op://vault/item/field: op read failed: [ERROR] not signed in with …0001");
}

// A wrapper with `set -x`, or an op of another kind, says it there.
TEST_F(Op, ThatSaysTheKeyAndFailsIsQuotedWithoutIt) {
    for (const char* key : {"fake secret words", "sk-FAKE0123456789abcdef"}) {
        reader_.forget();
        directory_.program("op",
                           "printf '%s' '" + std::string(key) + "'; echo \"+ printf %s " + key + "\" >&2; exit 1");
        EXPECT_EQ(read().error().message.find(key), std::string::npos) << read().error().message;
    }
    reader_.forget();
    directory_.program("op", "echo '+ printf %s sk-FAKE0123456789abcdef' >&2; exit 1");
    EXPECT_EQ(read().error().message, "op://vault/item/field: op read failed: + printf %s …");
}

TEST_F(Op, WithArgumentsInItsPathIsRefusedWithoutThem) {
    for (const std::string place : {"/usr/bin/", "/tmp/"}) {
        const auto value = run(io_, reader_.read("op://vault/item/field", place + "op --session FAKE0123456789abcdef"));
        ASSERT_FALSE(value);
        EXPECT_EQ((value.error().message + value.error().hint).find("FAKE"), std::string::npos)
            << value.error().message << value.error().hint;
        reader_.forget();
    }
}

// A service account's token has over 800 bytes, and 400 of a message are shown.
TEST_F(Op, WhatItSignsInWithIsTakenOutOfTheMessageBeforeThatIsCut) {
    environment_.insert_or_assign("OP_SERVICE_ACCOUNT_TOKEN", Secret("ops_FAKE" + std::string(800, '1')));
    directory_.program("op", "echo \"[ERROR] invalid token $OP_SERVICE_ACCOUNT_TOKEN, sign in\" >&2; exit 1");
    EXPECT_EQ(read().error().message, "op://vault/item/field: op read failed: [ERROR] invalid token …1111, sign in");
    reader_.forget();
    directory_.program("op", "printf %0385d%s 0 \"$OP_SERVICE_ACCOUNT_TOKEN\" >&2; exit 1");
    EXPECT_EQ(read().error().message.find("ops_"), std::string::npos) << "15 bytes of it would have been left";
    reader_.forget();
    directory_.program("op", "printf 'invalid token \"%.300s\"' \"$OP_SERVICE_ACCOUNT_TOKEN\" >&2; exit 1");
    EXPECT_EQ(read().error().message, "op://vault/item/field: op read failed: invalid token \"…\"");
}

TEST_F(Op, NotInstalledEmptyAndTornValuesAreErrors) {
    EXPECT_EQ(read().error().message,
              "op://vault/item/field: [keys] op: " + directory_.path() + "/op cannot be executed");
    reader_.forget();
    directory_.program("op", "echo");
    EXPECT_EQ(read().error().message, "op://vault/item/field: op gave an empty value");
    reader_.forget();
    directory_.program("op", "echo two words");
    EXPECT_EQ(read().error().message, "op://vault/item/field: the value has white space or is no single line");
    reader_.forget();
    directory_.program("op", "head -c 70000 /dev/zero | tr '\\0' x");
    EXPECT_EQ(read().error().message, "op://vault/item/field: the value has more than 64 KiB");
    reader_.forget();
    directory_.program("op", "printf 'FAKE-key \\n\\n'");
    EXPECT_EQ(read()->reveal(), "FAKE-key");
}

TEST_F(Op, IsNotLookedForInThePath) {
    std::filesystem::create_directory(directory_.path() + "/of-the-sessions");
    directory_.program("of-the-sessions/op", "echo FAKE-of-the-sessions");
    const auto value = run(io_, reader_.read("op://vault/item/field", std::nullopt));
    ASSERT_FALSE(value);
    EXPECT_NE(value.error().message.find("op is not installed"), std::string::npos) << value.error().message;
}

TEST_F(Op, HasAPathOfRootsDirectories) {
    directory_.program("op", "printf %s \"$PATH\"");
    EXPECT_EQ(read()->reveal(), trusted_directories);
}

// Where it is another user's, op would read that user's settings, and write through that user's links.
TEST_F(Op, HasAHomeThatNobodyElseCanChangeOrNone) {
    directory_.program("op", "printf %s \"${HOME-none}\"");
    const auto with = [&](const std::string& home) {
        environment_.insert_or_assign("HOME", Secret(home));
        reader_.forget();
        return std::string(read()->reveal());
    };
    const std::string home = directory_.path() + "/home";
    std::filesystem::create_directory(home);
    ASSERT_EQ(::chmod(home.c_str(), 0700), 0);
    EXPECT_EQ(with(home), home);
    if (::geteuid() != 0) {
        ASSERT_EQ(::chmod(home.c_str(), 0777), 0);
        EXPECT_EQ(with(home), home) << "only what root's op writes is of use to others";
        return;
    }
    const auto entry = find_user(::geteuid());
    const std::string instead = entry && !untrusted_component(entry->home) ? entry->home : "none";
    ASSERT_EQ(::chmod(home.c_str(), 0777), 0);
    EXPECT_EQ(with(home), instead);
    EXPECT_EQ(with(home + "/below"), instead);
    EXPECT_EQ(with("home"), instead);
    ASSERT_EQ(::chmod(home.c_str(), 0700), 0);
    ASSERT_EQ(::chown(home.c_str(), 4711, 4711), 0);
    EXPECT_EQ(with(home), instead);
}

// In /tmp anybody could make what op makes there.
TEST_F(Op, HasNoHomeInWhichOthersCouldMakeItsDirectories) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root's op is of use to others";
    directory_.program("op", "printf %s \"${HOME-none}\"");
    const std::string home = directory_.path() + "/home";
    std::filesystem::create_directory(home);
    ASSERT_EQ(::chmod(home.c_str(), 01777), 0);
    environment_.insert_or_assign("HOME", Secret(home));
    EXPECT_NE(read()->reveal(), home);
    std::filesystem::create_directories(home + "/.config/op");
    std::filesystem::create_directory(home + "/.op");
    reader_.forget();
    EXPECT_EQ(read()->reveal(), home) << "they are root's";
    ASSERT_EQ(::chown((home + "/.config").c_str(), 4711, 4711), 0);
    reader_.forget();
    EXPECT_NE(read()->reveal(), home);
}

// It outranks HOME.
TEST_F(Op, HasNoConfigDirectoryThatOthersCouldChange) {
    directory_.program("op", "printf %s \"${OP_CONFIG_DIR-none}\"");
    const auto with = [&](const std::string& place) {
        environment_.insert_or_assign("OP_CONFIG_DIR", Secret(place));
        reader_.forget();
        return std::string(read()->reveal());
    };
    const std::string place = directory_.path() + "/op-config", link = directory_.path() + "/link";
    std::filesystem::create_directory(place);
    std::filesystem::create_symlink(place, link);
    EXPECT_EQ(with(place), place);
    EXPECT_EQ(with(link), link);
    EXPECT_EQ(with("op-config"), "none");
    if (::geteuid() != 0) return;
    ASSERT_EQ(::lchown(link.c_str(), 4711, 4711), 0);
    EXPECT_EQ(with(link), "none") << "op would write where it leads";
    for (const mode_t mode : {01777U, 0777U}) {
        ASSERT_EQ(::chmod(place.c_str(), mode), 0);
        EXPECT_EQ(with(place), "none") << mode;
    }
}

TEST_F(Op, OneThatOthersCouldReplaceIsNotRun) {
    directory_.program("op", "echo FAKE-of-another");
    ASSERT_EQ(::chmod(directory_.path().c_str(), 0777), 0);
    const auto value = read();
    ASSERT_FALSE(value);
    EXPECT_NE(value.error().message.find(directory_.path() + " can be written to by everybody"), std::string::npos)
        << value.error().message;
    EXPECT_FALSE(value.error().hint.empty());
}

}  // namespace
}  // namespace capsule
