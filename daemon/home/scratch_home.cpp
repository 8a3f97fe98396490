#include "daemon/home/scratch_home.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "daemon/base/home_path.hpp"
#include "daemon/base/time_limit.hpp"
#include "protocol/unique_fd.hpp"

namespace capsule {
namespace {

constexpr int as_a_directory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

Error cannot(std::string_view what, const std::string& path, int error) {
    return {ErrorCode::io_error, "cannot " + std::string(what) + " " + path + ": " + ::strerror(error),
            "let the session's user write to the directory for temporary files (TMPDIR, else /tmp)"};
}

bool is_own_or_above(const char* name) {
    return ::strcmp(name, ".") == 0 || ::strcmp(name, "..") == 0;
}

class Removal {
  public:
    /// Empties the directory. False when something is left.
    bool empty(UniqueFd directory, int depth) {
        const int fd = directory.get();
        const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(fd), ::closedir);
        if (!listing) return false;
        directory.release();  // it is the listing's
        bool all = true;
        while (const dirent* entry = ::readdir(listing.get())) {
            if (is_own_or_above(entry->d_name)) continue;
            if (--left_ < 0 || time_is_up()) return false;
            all = remove(fd, entry->d_name, depth) && all;
        }
        return all;
    }

  private:
    bool remove(int directory, const char* name, int depth) {
        if (::unlinkat(directory, name, 0) == 0) return true;
        if (errno != EISDIR || depth >= deepest_scratch_directory) return false;
        UniqueFd below(::openat(directory, name, as_a_directory));
        if (below && !empty(std::move(below), depth + 1)) return false;
        return ::unlinkat(directory, name, AT_REMOVEDIR) == 0;
    }

    int left_ = most_scratch_entries;
};

}  // namespace

Result<std::string> make_scratch_home(const std::string& above) {
    const UniqueFd directory = open_path(above, LastLink::followed, Meant::directory);
    if (!directory) return cannot("open", above, errno);
    // By the descriptor: what leads to it may lead elsewhere by now.
    std::string path = own_name(directory) + "/capsuled-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) return cannot("make a temporary directory in", above, errno);
    return above + path.substr(path.rfind('/'));
}

Result<void> write_in_scratch_home(const std::string& home, const std::string& name, std::string_view text) {
    const std::string path = home + "/" + name;
    const UniqueFd directory = open_path(home, LastLink::itself, Meant::directory);
    if (!directory) return cannot("open", home, errno);
    const UniqueFd file(::openat(directory.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                 S_IRUSR | S_IWUSR));
    if (!file) return cannot("write", path, errno);
    while (!text.empty()) {
        const ssize_t count = ::write(file.get(), text.data(), text.size());
        if (count < 0) return cannot("write", path, errno);
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

void remove_scratch_home(const std::string& home) {
    const std::size_t slash = home.rfind('/');
    const std::string name = home.substr(slash + 1);
    const UniqueFd above = open_path(home.substr(0, slash), LastLink::followed, Meant::directory);
    if (!above) return;
    UniqueFd directory(::openat(above.get(), name.c_str(), as_a_directory));
    if (directory && Removal().empty(std::move(directory), 0)) ::unlinkat(above.get(), name.c_str(), AT_REMOVEDIR);
}

}  // namespace capsule
