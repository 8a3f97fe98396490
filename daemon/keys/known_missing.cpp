#include "daemon/keys/known_missing.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>
#include <thread>

#include "daemon/base/trusted_path.hpp"
#include "daemon/keys/seen_directory.hpp"

namespace capsule {
namespace {

/// How long a change may take to be seen. Listing takes microseconds where nobody holds the directory.
constexpr std::chrono::milliseconds patience{500};

struct Listing {
    std::mutex mutex;
    std::condition_variable ended;
    bool is_made = false;
    std::uint64_t count = 0;  ///< how many have been made
    std::optional<SeenDirectory> seen{};
    std::optional<std::set<std::string>> names{};
};

/// What others may list, and only root and this user may change.
bool is_worth_it(const FoundFile& directory, const std::string& path) {
    if (directory.error != 0 || directory.untrusted || !S_ISDIR(directory.status.st_mode)) return false;
    const mode_t mode = directory.status.st_mode;
    if ((mode & (S_IRGRP | S_IROTH)) == 0) return false;
    struct statvfs system {};
    return (mode & S_IWOTH) == 0 || (::statvfs(path.c_str(), &system) == 0 && (system.f_flag & ST_RDONLY) != 0);
}

void list_names(const std::shared_ptr<Listing>& listing, const std::string& path) {
    FoundFile directory = open_trusted(path, S_IFDIR);
    std::optional<std::set<std::string>> names;
    const auto seen = seen_directory(directory.status);
    if (DIR* opened = directory.fd ? ::fdopendir(directory.fd.get()) : nullptr) {
        directory.fd.release();
        names.emplace();
        errno = 0;
        while (const dirent* entry = ::readdir(opened))
            names->insert(entry->d_name);
        if (errno != 0) names.reset();
        ::closedir(opened);
    }
    const std::lock_guard lock(listing->mutex);
    listing->is_made = false;
    ++listing->count;
    listing->names = std::move(names);
    listing->seen = listing->names ? seen : std::nullopt;
    listing->ended.notify_all();
}

std::shared_ptr<Listing> listing_of(const std::string& directory) {
    static std::mutex mutex;
    static std::map<std::string, std::shared_ptr<Listing>> listings;
    const std::lock_guard lock(mutex);
    auto& listing = listings[directory];
    if (!listing) listing = std::make_shared<Listing>();
    return listing;
}

/// False: no thread is to be had.
bool begin_to_list(const std::shared_ptr<Listing>& listing, const std::string& directory) {
    try {
        std::thread(list_names, listing, directory).detach();
    } catch (const std::system_error&) {
        return false;
    }
    return true;
}

bool is_missing(const std::string& path, std::chrono::milliseconds wait) {
    const std::size_t slash = path.rfind('/');
    if (slash == 0 || slash == std::string::npos) return false;
    const std::string directory = path.substr(0, slash), name = path.substr(slash + 1);
    const FoundFile found = look_at_trusted(directory);
    if (!is_worth_it(found, directory)) return false;
    const auto listing = listing_of(directory);
    const auto now = seen_directory(found.status);
    std::unique_lock lock(listing->mutex);
    if (!(listing->names && now && listing->seen == now) && !listing->is_made) {
        listing->is_made = begin_to_list(listing, directory);
        const std::uint64_t before = listing->count;
        if (listing->is_made) listing->ended.wait_for(lock, wait, [&] { return listing->count != before; });
    }
    return listing->names && !listing->names->contains(name);
}

}  // namespace

bool is_known_missing(const std::string& path) {
    return is_missing(path, patience);
}

void learn_what_is_beside(const std::string& path) {
    is_missing(path, std::chrono::hours(1));
}

}  // namespace capsule
