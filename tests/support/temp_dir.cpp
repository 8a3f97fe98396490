#include "tests/support/temp_dir.hpp"

#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <stdexcept>

namespace capsule::test {

namespace fs = std::filesystem;

TempDir::TempDir() {
    std::string name = (fs::temp_directory_path() / "capsule-test-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("mkdtemp failed for " + name);
    path_ = name;
    // Tests that run the daemon as another user must be able to pass through it.
    fs::permissions(path_, fs::perms{0755});
}

TempDir::~TempDir() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

void write_file(const fs::path& path, std::string_view text) {
    fs::create_directories(path.parent_path());
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    out.close();
    if (!out) throw std::runtime_error("cannot write " + path.string());
}

std::string read_file(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + path.string());
    return {std::istreambuf_iterator<char>(in), {}};
}

mode_t mode_of(const fs::path& path) {
    return static_cast<mode_t>(fs::status(path).permissions()) & 07777;
}

std::string snapshot(const fs::path& root) {
    std::set<fs::path> paths;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root))
        paths.insert(entry.path());
    std::ostringstream out;
    for (const fs::path& path : paths) {
        struct stat facts {};
        if (lstat(path.c_str(), &facts) != 0) continue;
        out << fs::relative(path, root).string() << ' ' << std::oct << facts.st_mode << std::dec << ' ' << facts.st_ino
            << ' ' << facts.st_mtim.tv_sec << '.' << facts.st_mtim.tv_nsec << '\n';
        if (S_ISREG(facts.st_mode)) out << read_file(path) << '\n';
    }
    return out.str();
}

}  // namespace capsule::test
