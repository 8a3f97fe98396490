#include "daemon/sessions/authorities.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/support/temp_dir.hpp"

namespace capsule {
namespace {

constexpr const char* certificate = "-----BEGIN CERTIFICATE-----\nRkFL\nRQ==\n-----END CERTIFICATE-----\n";

class AuthoritiesFile : public testing::Test {
  protected:
    std::string path() const { return directory_.path() + "/ca.pem"; }
    std::string read(const std::string& text) const {
        std::ofstream(path(), std::ios::binary) << text;
        ::chmod(path().c_str(), 0644);
        return read();
    }
    std::string read() const {
        const auto found = read_authorities(path());
        if (found) return *found;
        EXPECT_EQ(found.error().message.find("[broker] ca_file: " + path() + ": "), 0U) << found.error().message;
        EXPECT_FALSE(found.error().hint.empty());
        return "error: " + found.error().message.substr(found.error().message.find("ca.pem: ") + 8);
    }

    TempDir directory_;
};

TEST_F(AuthoritiesFile, OneThatOthersCouldChangeIsRefused) {
    EXPECT_EQ(read(certificate), certificate);
    ::chmod(path().c_str(), 0646);
    EXPECT_EQ(read(), "error: not read: " + path() + " can be written to by everybody");
    ::chmod(path().c_str(), 0644);
    ::chmod(directory_.path().c_str(), 0777);
    EXPECT_EQ(read(), "error: not read: " + directory_.path() + " can be written to by everybody");
    ::chmod(directory_.path().c_str(), 01777);
    EXPECT_EQ(read(), certificate);
    std::filesystem::remove(path());
    EXPECT_EQ(read(), "error: not read: " + path() + " does not exist, and any user could create it there");
}

TEST_F(AuthoritiesFile, WhatIsNoFileOrTooLargeIsRefusedAndNeverWaitedFor) {
    EXPECT_EQ(read(), "error: No such file or directory");
    ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
    EXPECT_EQ(read(), "error: this is no regular file");
    std::filesystem::remove(path());
    std::filesystem::create_directory(path());
    EXPECT_EQ(read(), "error: this is no regular file");
    std::filesystem::remove(path());
    std::filesystem::create_symlink("/dev/zero", path());
    EXPECT_EQ(read(), "error: this is no regular file");
    std::filesystem::remove(path());
    const std::string largest(max_authorities_bytes, '\n');
    EXPECT_EQ(read(largest), largest);
    EXPECT_EQ(read(largest + "\n"), "error: this is larger than 8 MiB");
}

}  // namespace
}  // namespace capsule
