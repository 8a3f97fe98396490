#include "tests/unit/keys/support.hpp"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace capsule::test {

TemporaryDirectory::TemporaryDirectory() {
    std::string pattern = ::testing::TempDir() + "capsule-keys-XXXXXX";
    const char* made = ::mkdtemp(pattern.data());
    EXPECT_NE(made, nullptr);
    path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

void write_file(const std::string& path, std::string_view text) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << text;
    EXPECT_TRUE(out.good()) << path;
}

std::string read_text(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

mode_t mode_of(const std::string& path) {
    struct stat about {};
    EXPECT_EQ(::stat(path.c_str(), &about), 0) << path;
    return about.st_mode & 07777;
}

Capsule::Capsule() {
    std::filesystem::create_directory(credentials);
    std::filesystem::create_directory(secrets);
    Result<StoredKeys> loaded = StoredKeys::load(directory / "auth.toml");
    EXPECT_TRUE(loaded);
    stored = *std::move(loaded);
}

void Capsule::set_env(const std::string& name, std::string_view value) {
    environment.insert_or_assign(name, Secret(value));
}

KeyResolver Capsule::resolver() const {
    return KeyResolver({.config = &config,
                        .environment = &environment,
                        .stored = &stored,
                        .credentials_directory = credentials,
                        .secrets_directory = secrets,
                        .remembered = [this](const std::string& reference) -> std::optional<Result<Secret>> {
                            const auto found = remembered.find(reference);
                            if (found == remembered.end()) return std::nullopt;
                            return found->second;
                        }});
}

}  // namespace capsule::test
