#include "protocol/path_walk.hpp"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "protocol/kernels_files.hpp"
#include "protocol/mounts.hpp"

namespace capsule {
namespace {

constexpr int most_links = 40;  ///< as many as the kernel follows
/// Each of whose targets may have 2000 names: more than a path that means well has, and few milliseconds.
constexpr int most_names = 1000;

using Names = std::deque<std::string>;

Names names_of(std::string_view path) {
    Names names;
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        if (end > 0 && path.substr(0, end) != ".") names.emplace_back(path.substr(0, end));
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return names;
}

std::string parent_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string joined(const std::string& directory, const std::string& name) {
    return (directory == "/" ? "" : directory) + "/" + name;
}

UniqueFd open_directory(const char* path) {
    return UniqueFd(::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace

UniqueFd step_to(const UniqueFd& directory, const std::string& name) {
    constexpr int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
    UniqueFd there(::openat(directory.get(), name.c_str(), flags | O_DIRECTORY));
    if (there || errno != ENOTDIR) return there;
    return UniqueFd(::openat(directory.get(), name.c_str(), flags));
}

PathWalk::PathWalk(const std::string& path) : names_(names_of(path)), path_("/") {
    const bool is_absolute = path.starts_with('/');
    place_ = open_directory(is_absolute ? "/" : ".");
    std::error_code error;
    if (!is_absolute) path_ = std::filesystem::current_path(error).string();
    look();
}

void PathWalk::next() {
    if (S_ISLNK(status_.st_mode)) {
        follow();
        if (error_ != 0 || !why_not_believed_.empty() || names_.empty()) return;
    }
    if (++walked_ > most_names) {
        error_ = ELOOP;
        return;
    }
    const std::string name = std::move(names_.front());
    names_.pop_front();
    UniqueFd there = step_to(place_, name);
    path_ = name == ".." ? parent_of(path_) : joined(path_, name);
    if (!there) {
        error_ = errno;
        place_ = UniqueFd();
        return;
    }
    above_ = std::exchange(place_, std::move(there));
    look();
}

/// Goes back to where the link's target begins.
void PathWalk::follow() {
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlinkat(place_.get(), "", target.data(), target.size());
    if (length <= 0 || ++links_ > most_links) {
        error_ = ELOOP;
        return;
    }
    const std::string_view text(target.data(), static_cast<std::size_t>(length));
    const Names more = names_of(text);
    names_.insert(names_.begin(), more.begin(), more.end());
    if (text.front() == '/') {
        place_ = open_directory("/");
        path_ = "/";
    } else {
        place_ = std::move(above_);
        path_ = parent_of(path_);
    }
    look();
}

void PathWalk::look() {
    status_ = {};
    if (!place_) {
        error_ = errno;
        return;
    }
    why_not_believed_ = capsule::why_not_believed(place_);
    if (why_not_believed_.empty() && is_strangers_ && is_of_the_kernels_files(place_.get()))
        why_not_believed_ = "is the kernel's own, where another user's process may be waited for";
    if (!why_not_believed_.empty()) return;
    if (::fstat(place_.get(), &status_) != 0) error_ = errno;
    is_strangers_ = is_strangers_ || (status_.st_uid != 0 && status_.st_uid != ::geteuid());
}

std::string PathWalk::whole_path() const {
    std::string whole = path_ == "/" ? "" : path_;
    for (const std::string& name : names_)
        whole += '/' + name;
    return whole.empty() ? "/" : whole;
}

Result<WalkedPlace> walk_to(const std::string& path) {
    PathWalk walk(path);
    for (;;) {
        if (walk.error() != 0) return WalkedPlace{walk.whole_path(), UniqueFd(), walk.error()};
        if (!walk.why_not_believed().empty())
            return Error{ErrorCode::access_denied, walk.path() + " " + walk.why_not_believed(),
                         "use a directory to which no other user's file system leads, such as one of root's"};
        if (walk.at_end()) return WalkedPlace{walk.path(), std::move(walk.place()), 0};
        walk.next();
    }
}

}  // namespace capsule
