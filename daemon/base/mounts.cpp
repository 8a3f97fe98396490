#include "daemon/base/mounts.hpp"

#include <fcntl.h>
#include <linux/stat.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <mutex>
#include <string>

namespace capsule {
namespace {

std::optional<std::uint64_t> number_at(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() ? std::optional(number) : std::nullopt;
}

/// Empty where the mark is not there.
std::string_view after(std::string_view text, std::string_view mark) {
    const std::size_t at = text.find(mark);
    return at == text.npos ? std::string_view() : text.substr(at + mark.size());
}

/// None: it could not be read to its end.
std::optional<std::string> read_all(const UniqueFd& file) {
    std::string text;
    std::array<char, 16 * 1024> part{};
    for (;;) {
        const ssize_t size = ::pread(file.get(), part.data(), part.size(), static_cast<off_t>(text.size()));
        if (size < 0) return std::nullopt;
        if (size == 0) return text;
        text.append(part.data(), static_cast<std::size_t>(size));
    }
}

/// Read again when the kernel says that something was mounted or unmounted.
class FuseMounts {
  public:
    std::optional<uid_t> server_of(std::uint64_t mount) {
        const std::lock_guard lock(mutex_);
        if (!file_) file_ = UniqueFd(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
        if (!file_) return std::nullopt;
        pollfd changed{file_.get(), POLLPRI, 0};
        if (!known_ || ::poll(&changed, 1, 0) != 0) {
            const auto text = read_all(file_);
            known_ = text ? std::optional(fuse_servers_in(*text)) : std::nullopt;
        }
        if (!known_) return std::nullopt;
        const auto found = known_->find(mount);
        return found == known_->end() ? std::nullopt : std::optional(found->second);
    }

  private:
    std::mutex mutex_;
    UniqueFd file_;
    std::optional<std::map<std::uint64_t, uid_t>> known_;
};

/// The kernel's own word: with AT_STATX_DONT_SYNC no server of a file system is asked.
std::optional<std::uint64_t> mount_of(const UniqueFd& place) {
    struct statx facts {};
    constexpr int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
    if (::statx(place.get(), "", flags, STATX_MNT_ID, &facts) != 0) return std::nullopt;
    return (facts.stx_mask & STATX_MNT_ID) != 0 ? std::optional<std::uint64_t>(facts.stx_mnt_id) : std::nullopt;
}

}  // namespace

// "36 35 0:52 / /mnt rw,nosuid shared:1 - fuse.sshfs host:/ rw,user_id=1000,group_id=1000", see proc(5).
std::map<std::uint64_t, uid_t> fuse_servers_in(std::string_view mountinfo) {
    std::map<std::uint64_t, uid_t> servers;
    while (!mountinfo.empty()) {
        const std::size_t end = std::min(mountinfo.find('\n'), mountinfo.size());
        const std::string_view line = mountinfo.substr(0, end);
        mountinfo.remove_prefix(std::min(end + 1, mountinfo.size()));
        // What stands before that are directories, whose names are a user's to choose, without blanks.
        const std::string_view of_file_system = after(line, " - ");
        if (!of_file_system.starts_with("fuse")) continue;
        // Behind the type and the source, in which a blank is written as \040.
        const std::string_view options = after(after(of_file_system, " "), " ");
        const auto id = number_at(line);
        const auto user = number_at(after(options, "user_id="));
        if (id && user) servers.emplace(*id, static_cast<uid_t>(*user));
    }
    return servers;
}

std::optional<uid_t> foreign_server_of(const UniqueFd& place) {
    static FuseMounts mounts;
    const auto mount = mount_of(place);
    const auto user = mount ? mounts.server_of(*mount) : std::nullopt;
    return user && *user != 0 && *user != ::geteuid() ? user : std::nullopt;
}

}  // namespace capsule
