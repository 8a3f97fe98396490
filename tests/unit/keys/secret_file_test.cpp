#include "daemon/keys/secret_file.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

#include "tests/unit/keys/support.hpp"

namespace capsule::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string key_in(const std::string& path) {
    const Result<std::optional<Secret>> read = read_secret_file(path);
    if (!read) return "error: " + read.error().message;
    return *read ? std::string((*read)->reveal()) : "none";
}

/// The error's message, which has to name the path, say what to do, and not show the file's content.
std::string problem_of(const std::string& path) {
    const Result<std::optional<Secret>> read = read_secret_file(path);
    if (read) return "no error";
    EXPECT_EQ(read.error().code, ErrorCode::key_error);
    EXPECT_THAT(read.error().message, HasSubstr(path));
    EXPECT_FALSE(read.error().hint.empty());
    EXPECT_THAT(read.error().message + read.error().hint, Not(HasSubstr("FAKE")));
    return read.error().message;
}

TEST(SecretFile, DropsWhiteSpaceBehindTheKey) {
    const TemporaryDirectory directory;
    const std::string path = directory / "key";
    for (const char* text : {"FAKE-key", "FAKE-key\n", "FAKE-key\r\n", "FAKE-key\n\n", "FAKE-key \t\r\n \n"}) {
        write_file(path, text);
        EXPECT_EQ(key_in(path), "FAKE-key");
    }
    write_file(path, "FAKE-key\n\nFAKE");
    EXPECT_THAT(problem_of(path), HasSubstr("white space"));
}

TEST(SecretFile, NoFileOrNothingInItIsNoKey) {
    const TemporaryDirectory directory;
    const std::string path = directory / "key";
    EXPECT_EQ(key_in(path), "none");
    EXPECT_EQ(key_in(path + "/below"), "none");
    for (const char* text : {"", "\n", "\r\n", " \n\n"}) {
        write_file(path, text);
        EXPECT_EQ(key_in(path), "none");
        EXPECT_EQ(key_in(path + "/below"), "none");
    }
}

TEST(SecretFile, FollowsLinksAsKubernetesMakesThem) {
    const TemporaryDirectory directory;
    write_file(directory / "data", "FAKE-key");
    std::filesystem::create_symlink("data", directory / "key");
    EXPECT_EQ(key_in(directory / "key"), "FAKE-key");
}

TEST(SecretFile, OneThatOthersCouldReplaceIsNotRead) {
    const TemporaryDirectory directory;
    const std::string above = directory / "secrets";
    const std::string path = above + "/key";
    std::filesystem::create_directory(above);
    write_file(path, "FAKE-key");
    ::chmod(path.c_str(), 0600);
    ::chmod(above.c_str(), 0777);
    EXPECT_THAT(problem_of(path), HasSubstr(above + " can be written to by everybody"));
    ::chmod(above.c_str(), 0755);
    EXPECT_EQ(key_in(path), "FAKE-key");
    if (::geteuid() != 0) return;
    ASSERT_EQ(::chown(above.c_str(), 4711, 4711), 0);
    EXPECT_THAT(problem_of(path), HasSubstr(above + " belongs to user 4711"));
    EXPECT_THAT(problem_of(above + "/none"), HasSubstr(above)) << "it is not even looked at";
}

/// The error's whole text.
std::string advice_of(const std::string& path) {
    const Result<std::optional<Secret>> read = read_secret_file(path);
    return read ? "no error" : read.error().message + "; " + read.error().hint;
}

TEST(SecretFile, OneThatOthersCouldWriteToIsNotRead) {
    const TemporaryDirectory directory;
    const std::string path = directory / "key";
    write_file(path, "FAKE-key");
    std::filesystem::create_symlink("key", directory / "link");
    for (const mode_t mode : {0666U, 0602U}) {
        ::chmod(path.c_str(), mode);
        EXPECT_THAT(problem_of(path), HasSubstr(path + " can be written to by everybody"));
        EXPECT_THAT(advice_of(directory / "link"), HasSubstr("chmod go-w '" + path + "'"));
    }
    for (const mode_t mode : {0400U, 0600U, 0440U, 0444U, 0644U}) {
        ::chmod(path.c_str(), mode);
        EXPECT_EQ(key_in(path), "FAKE-key");
        EXPECT_EQ(key_in(directory / "link"), "FAKE-key");
    }
}

TEST(SecretFile, OneOfAnotherUserIsNotRead) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to give something away";
    const TemporaryDirectory directory;
    const std::string path = directory / "key";
    write_file(path, "FAKE-key");
    for (const mode_t mode : {0400U, 0600U}) {
        ::chmod(path.c_str(), mode);
        ASSERT_EQ(::chown(path.c_str(), 4711, 4711), 0);
        EXPECT_THAT(problem_of(path), HasSubstr(path + " belongs to user 4711"));
        EXPECT_THAT(advice_of(path), HasSubstr("chown root '" + path + "'"));
        ASSERT_EQ(::chown(path.c_str(), 0, 4711), 0);
        EXPECT_EQ(key_in(path), "FAKE-key");
    }
    ::chmod(path.c_str(), 0660);
    EXPECT_THAT(problem_of(path), HasSubstr(path + " can be written to by its group 4711"));
}

// `status` looks for key files that others can read: who puts a link there must not learn of root's files by it, nor
// have root wait for where it leads to.
TEST(SecretFile, WhereAnotherUsersLinkLeadsIsNotLookedAt) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to give something away";
    const TemporaryDirectory directory;
    const std::string roots = directory / "root's", theirs = directory / "theirs", link = theirs + "/key";
    write_file(roots, "FAKE-key");
    ::chmod(roots.c_str(), 0644);
    EXPECT_TRUE(others_can_read(roots));
    ::chmod(roots.c_str(), 0666);
    EXPECT_TRUE(others_can_read(roots)) << "though it is not trusted any more";
    ::chmod(roots.c_str(), 0644);
    std::filesystem::create_directory(theirs);
    std::filesystem::create_symlink(roots, link);
    EXPECT_TRUE(others_can_read(link)) << "a link of root's";
    ASSERT_EQ(::lchown(link.c_str(), 4711, 4711), 0);
    EXPECT_FALSE(others_can_read(link));
    ASSERT_EQ(::lchown(link.c_str(), 0, 0), 0);
    ASSERT_EQ(::chown(theirs.c_str(), 4711, 4711), 0);
    EXPECT_FALSE(others_can_read(link));
    EXPECT_FALSE(others_can_read(directory / "none"));
}

// Whoever makes it in the moment in which it is opened would choose the key.
TEST(SecretFile, OneThatOthersCouldMakeIsNotLookedFor) {
    const TemporaryDirectory directory;
    const std::string path = directory / "key";
    ::chmod(directory.path().c_str(), 01777);
    EXPECT_THAT(problem_of(path), HasSubstr(path + " does not exist, and any user could create it there"));
    EXPECT_THAT(problem_of(path + "/below"), HasSubstr(path + " does not exist, and any user could create it there"));
    write_file(path, "FAKE-key");
    EXPECT_EQ(key_in(path), "FAKE-key") << "nobody else can replace that";
}

TEST(SecretFile, WhatIsNoRegularFileIsAnErrorAndNeverWaits) {
    const TemporaryDirectory directory;
    EXPECT_THAT(problem_of(directory.path()), HasSubstr("is a directory"));

    ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);
    EXPECT_THAT(problem_of(directory / "fifo"), HasSubstr("is a FIFO"));

    EXPECT_THAT(problem_of("/dev/zero"), HasSubstr("is a device"));

    const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (directory / "socket").copy(address.sun_path, sizeof(address.sun_path) - 1);
    // NOLINTNEXTLINE: that is how addresses are passed
    ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_THAT(problem_of(directory / "socket"), HasSubstr("is a socket"));
    ::close(listener);
}

TEST(SecretFile, TooLarge) {
    const TemporaryDirectory directory;
    const std::string path = directory / "key";
    write_file(path, std::string(max_secret_file_bytes, 'k'));
    EXPECT_EQ(key_in(path).size(), max_secret_file_bytes);
    write_file(path, std::string(max_secret_file_bytes + 1, 'k'));
    EXPECT_THAT(problem_of(path), HasSubstr("larger than 64 KiB"));
    write_file(path, std::string(10 * 1024 * 1024, 'k'));
    EXPECT_THAT(problem_of(path), HasSubstr("larger than 64 KiB"));
}

TEST(SecretFile, WhatCannotBeAKey) {
    const TemporaryDirectory directory;
    const std::string path = directory / "key";
    write_file(path, std::string_view("FAKE\0key", 8));
    EXPECT_THAT(problem_of(path), HasSubstr("a NUL byte"));
    write_file(path, "FAKE key");
    EXPECT_THAT(problem_of(path), HasSubstr("white space"));
    write_file(path, "ZAI_API_KEY=FAKE\nOTHER=FAKE\n");
    EXPECT_THAT(problem_of(path), HasSubstr("has a name before it, and holds white space"));
    write_file(path, "Bearer FAKE\n");
    EXPECT_THAT(problem_of(path), HasSubstr("begins with \"Bearer\", and holds white space"));
    write_file(path, "{\"key\": \"FAKE\"}\n");
    EXPECT_THAT(problem_of(path), HasSubstr("is JSON"));
    write_file(path, "FAKE\x1b[0m");
    EXPECT_THAT(problem_of(path), HasSubstr("a control character"));
    write_file(path,
               "\xef\xbb\xbf"
               "FAKE");
    EXPECT_THAT(problem_of(path), HasSubstr("not ASCII"));
}

TEST(SecretFile, Unreadable) {
    if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
    const TemporaryDirectory directory;
    write_file(directory / "key", "FAKE-key");
    std::filesystem::permissions(directory / "key", std::filesystem::perms::none);
    EXPECT_THAT(problem_of(directory / "key"), HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace capsule::test
