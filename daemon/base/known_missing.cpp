#include "daemon/base/known_missing.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
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

#include "daemon/base/directory_listing.hpp"
#include "daemon/base/seen_directory.hpp"
#include "protocol/trusted_path.hpp"

namespace capsule {
namespace {

/// How long a change may take to be seen. Listing takes microseconds where nobody holds the directory.
constexpr std::chrono::milliseconds listed_within{500};

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
    if (const DirectoryListing opened = list_directory(std::move(directory.fd))) {
        names.emplace();
        errno = 0;
        while (const dirent* entry = ::readdir(opened.get()))
            names->insert(entry->d_name);
        if (errno != 0) names.reset();
    }
    const std::lock_guard lock(listing->mutex);
    listing->is_made = false;
    ++listing->count;
    listing->seen = names ? seen : std::nullopt;
    // Without a descriptor, say, what was known is better than to look for the name.
    if (names) listing->names = std::move(names);
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

std::string directory_of(const std::string& path) {
    return path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
}

/// What is not there.
struct Missing {
    std::string first;                  ///< the first part of the path that is not
    std::optional<SeenDirectory> seen;  ///< the directory of that; none: it has changed since it was listed
};

/// None: there may be something at `path`. `found` tells of its directory.
std::optional<Missing> missing_in(const FoundFile& found, const std::string& path, std::chrono::milliseconds wait) {
    const std::string directory = directory_of(path);
    if (!is_worth_it(found, directory)) return std::nullopt;
    const auto listing = listing_of(directory);
    const auto now = seen_directory(found.status);
    const auto is_current = [&] { return listing->names && now && listing->seen == now; };
    std::unique_lock lock(listing->mutex);
    if (!is_current() && !listing->is_made) {
        listing->is_made = begin_to_list(listing, directory);
        const std::uint64_t before = listing->count;
        if (listing->is_made) listing->ended.wait_for(lock, wait, [&] { return listing->count != before; });
    }
    if (!listing->names || listing->names->contains(path.substr(path.rfind('/') + 1))) return std::nullopt;
    return Missing{path, is_current() ? now : std::nullopt};
}

/// What was missing when it was looked for last.
class Remembered {
  public:
    std::optional<Missing> find(const std::string& path) {
        const std::lock_guard lock(mutex_);
        const auto found = known_.find(path);
        return found == known_.end() ? std::nullopt : std::optional(found->second);
    }
    bool put(const std::string& path, const std::optional<Missing>& missing) {
        const std::lock_guard lock(mutex_);
        if (missing)
            known_.insert_or_assign(path, *missing);
        else
            known_.erase(path);
        return missing.has_value();
    }

  private:
    std::mutex mutex_;
    std::map<std::string, Missing> known_;
};

bool has_not_changed(const Missing& missing) {
    struct stat status {};
    return missing.seen && ::stat(directory_of(missing.first).c_str(), &status) == 0 &&
           seen_directory(status) == missing.seen;
}

bool is_missing(const std::string& path, std::chrono::milliseconds wait) {
    static Remembered remembered;
    if (path.ends_with('/') && path != "/") return is_missing(path.substr(0, path.size() - 1), wait);
    if (!path.starts_with('/') || directory_of(path) == "/") return false;
    std::string first = path;
    if (const auto known = remembered.find(path)) {
        if (has_not_changed(*known)) return true;
        first = known->first;
        if (const auto still = missing_in(look_at_trusted(directory_of(first)), first, wait))
            return remembered.put(path, still);
        first = path;
    }
    FoundFile found = look_at_trusted(directory_of(first));
    while (found.error == ENOENT && directory_of(first) != "/") {
        first = directory_of(first);
        found = look_at_trusted(directory_of(first));
    }
    return remembered.put(path, missing_in(found, first, wait));
}

}  // namespace

bool is_known_missing(const std::string& path) {
    return is_missing(path, listed_within);
}

void learn_what_is_beside(const std::string& path) {
    is_missing(path, std::chrono::hours(1));
}

}  // namespace capsule
