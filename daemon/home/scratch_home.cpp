#include "daemon/home/scratch_home.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "daemon/base/directory_listing.hpp"
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

/// As fchmodat() with AT_SYMLINK_NOFOLLOW. glibc does that by a name below /proc/self, whose open files are not those
/// of this thread (own_files.hpp).
bool give_rights(int above, const char* name) {
    const UniqueFd place(::openat(above, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    return place && ::chmod(own_name(place).c_str(), S_IRWXU) == 0;
}

/// With all of its owner's rights: the program may have taken them from a directory of its home. A link is none.
UniqueFd open_to_empty(int above, const char* name) {
    UniqueFd directory(::openat(above, name, as_a_directory));
    if (!directory && errno == EACCES && give_rights(above, name))
        directory = UniqueFd(::openat(above, name, as_a_directory));
    struct stat status {};
    if (directory && ::fstat(directory.get(), &status) == 0 && (status.st_mode & S_IRWXU) != S_IRWXU)
        ::fchmod(directory.get(), S_IRWXU);  // where it fails, what is in it stays, and that is told
    return directory;
}

class Removal {
  public:
    /// Removes the directory with what is in it. False when something is left.
    bool remove_directory(int above, const char* name, int depth) {
        UniqueFd directory = open_to_empty(above, name);
        if (!directory) return errno == ENOENT || stays(::strerror(errno));
        if (!empty(std::move(directory), depth)) return false;
        return ::unlinkat(above, name, AT_REMOVEDIR) == 0 || errno == ENOENT || stays(::strerror(errno));
    }

    /// What was in the way first.
    const std::string& why() const { return why_; }

  private:
    bool empty(UniqueFd directory, int depth) {
        const int fd = directory.get();
        const DirectoryListing listing = list_directory(std::move(directory));
        if (!listing) return stays(::strerror(errno));
        bool all = true;
        while (const dirent* entry = ::readdir(listing.get())) {
            if (is_own_or_above(entry->d_name)) continue;
            if (--left_ < 0) return stays("more than " + std::to_string(most_scratch_entries) + " files were in it");
            if (time_is_up()) return stays("it took too long");
            all = remove(fd, entry->d_name, depth) && all;
        }
        return all;
    }

    bool remove(int directory, const char* name, int depth) {
        if (::unlinkat(directory, name, 0) == 0 || errno == ENOENT) return true;
        if (errno != EISDIR) return stays(::strerror(errno));
        if (depth >= deepest_scratch_directory)
            return stays("directories in it are more than " + std::to_string(deepest_scratch_directory) + " deep");
        return remove_directory(directory, name, depth + 1);
    }

    bool stays(std::string why) {
        if (why_.empty()) why_ = std::move(why);
        return false;
    }

    int left_ = most_scratch_entries;
    std::string why_;
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

Result<void> remove_scratch_home(const std::string& home) {
    const std::size_t slash = home.rfind('/');
    const UniqueFd above = open_path(home.substr(0, slash), LastLink::followed, Meant::directory);
    Removal removal;
    if (above && removal.remove_directory(above.get(), home.c_str() + slash + 1, 0)) return {};
    return Error{ErrorCode::io_error, above ? removal.why() : ::strerror(errno), "remove it: rm -rf " + home};
}

}  // namespace capsule
