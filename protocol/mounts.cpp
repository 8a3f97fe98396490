#include "protocol/mounts.hpp"

#include <fcntl.h>
#include <linux/stat.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

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

/// The kernel's own word: with AT_STATX_DONT_SYNC no server of a file system is asked.
std::optional<std::uint64_t> mount_of(const UniqueFd& place) {
    struct statx facts {};
    constexpr int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
    if (::statx(place.get(), "", flags, STATX_MNT_ID, &facts) != 0) return std::nullopt;
    return (facts.stx_mask & STATX_MNT_ID) != 0 ? std::optional<std::uint64_t>(facts.stx_mnt_id) : std::nullopt;
}

using Mounts = std::map<std::uint64_t, std::optional<uid_t>>;

/// Read again when the kernel says that something was mounted or unmounted.
class KnownMounts {
  public:
    enum class Served { by_kernel, by_user, not_mounted };
    struct Found {
        Served served = Served::by_kernel;
        uid_t user = 0;
    };

    /// None: the kernel does not tell.
    std::optional<Found> find(std::uint64_t mount) {
        pollfd changed{file_.get(), POLLPRI, 0};
        if (!file_ || !known_ || ::poll(&changed, 1, 0) != 0) read();
        // This process may have got mounts of its own since the file was opened. The file does not tell of those.
        if (known_ && !known_->contains(mount)) {
            file_ = UniqueFd();
            read();
        }
        if (!known_) return std::nullopt;
        const auto found = known_->find(mount);
        if (found == known_->end()) return Found{Served::not_mounted};
        return found->second ? Found{Served::by_user, *found->second} : Found();
    }

  private:
    void read() {
        if (!file_) file_ = UniqueFd(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
        const auto text = file_ ? read_all(file_) : std::nullopt;
        known_ = text ? std::optional(mounts_in(*text)) : std::nullopt;
        // After a chroot() into a directory that is no mount, the list lacks the mount that this directory is in.
        const auto root = known_ ? mount_of(UniqueFd(::open("/", O_PATH | O_CLOEXEC))) : std::nullopt;
        if (root) known_->emplace(*root, std::nullopt);
    }

    UniqueFd file_;
    std::optional<Mounts> known_;
};

}  // namespace

// "36 35 0:52 / /mnt rw,nosuid shared:1 - fuse.sshfs host:/ rw,user_id=1000,group_id=1000", see proc(5).
std::map<std::uint64_t, std::optional<uid_t>> mounts_in(std::string_view mountinfo) {
    Mounts mounts;
    while (!mountinfo.empty()) {
        const std::size_t end = std::min(mountinfo.find('\n'), mountinfo.size());
        const std::string_view line = mountinfo.substr(0, end);
        mountinfo.remove_prefix(std::min(end + 1, mountinfo.size()));
        const auto id = number_at(line);
        // What stands before that are directories, whose names are a user's to choose, without blanks.
        const std::string_view of_file_system = after(line, " - ");
        if (!id || of_file_system.empty()) continue;
        // Behind the type and the source, in which a blank is written as \040.
        const std::string_view options = after(after(of_file_system, " "), " ");
        const auto user = of_file_system.starts_with("fuse") ? number_at(after(options, "user_id=")) : std::nullopt;
        mounts.emplace(*id, user ? std::optional(static_cast<uid_t>(*user)) : std::nullopt);
    }
    return mounts;
}

std::string why_not_believed(const UniqueFd& place) {
    thread_local KnownMounts mounts;  // a thread's open files may be its own
    const auto mount = mount_of(place);
    const auto found = mount ? mounts.find(*mount) : std::nullopt;
    if (!found) return {};
    if (found->served == KnownMounts::Served::not_mounted) return "is on a file system that is not mounted any more";
    if (found->user == 0 || found->user == ::geteuid()) return {};
    return "is on a file system that user " + std::to_string(found->user) + " serves";
}

}  // namespace capsule
