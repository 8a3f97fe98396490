#include "daemon/write/leftovers.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "daemon/write/atomic_file.hpp"

namespace capsule {
namespace {

struct Leftover {
    std::string name;
    Fingerprints fingerprints;
};

std::vector<Leftover> find_leftovers(const Place& place) {
    std::vector<Leftover> out;
    const int fd = ::openat(place.directory_fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return out;
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(fd), ::closedir);
    if (!directory) {
        ::close(fd);
        return out;
    }
    while (const dirent* entry = ::readdir(directory.get()))
        if (const auto fingerprints = read_temporary_name(entry->d_name, place.name))
            out.push_back({entry->d_name, *fingerprints});
    return out;
}

// Whether the target is what the killed run put there. Then nobody has built on it, and the version that came out is
// the newest of its program.
bool put_back(const Place& place, const Leftover& leftover) {
    const int directory = place.directory_fd.get();
    const auto target = look_at(place, place.name, max_file_bytes);
    if (!target) return false;
    if (!*target)
        return ::renameat2(directory, leftover.name.c_str(), directory, place.name.c_str(), RENAME_NOREPLACE) == 0;
    if (fingerprint((*target)->text) != leftover.fingerprints.written) return false;
    if (::renameat2(directory, leftover.name.c_str(), directory, place.name.c_str(), RENAME_EXCHANGE) != 0)
        return false;
    const auto out = look_at(place, leftover.name, max_file_bytes);
    if (out && *out && fingerprint((*out)->text) == leftover.fingerprints.written) {
        ::unlinkat(directory, leftover.name.c_str(), 0);
        return true;
    }
    // Somebody wrote in that very moment: theirs is the newer one.
    ::renameat2(directory, leftover.name.c_str(), directory, place.name.c_str(), RENAME_EXCHANGE);
    return false;
}

}  // namespace

std::vector<std::string> tidy_leftovers(const Place& place) {
    std::vector<std::string> saved;
    const int directory = place.directory_fd.get();
    for (const Leftover& leftover : find_leftovers(place)) {
        const auto found = look_at(place, leftover.name, max_file_bytes);
        if (!found || !*found) continue;
        const std::uint64_t print = fingerprint((*found)->text);
        if (((*found)->status.st_mode & S_ISVTX) != 0 || print == leftover.fingerprints.replaced ||
            print == leftover.fingerprints.written) {
            ::unlinkat(directory, leftover.name.c_str(), 0);
            continue;
        }
        if (put_back(place, leftover)) continue;
        const std::string name = place.name + ".capsuled-saved-" + random_letters();
        if (::renameat2(directory, leftover.name.c_str(), directory, name.c_str(), RENAME_NOREPLACE) == 0)
            saved.push_back(place.directory + "/" + name);
    }
    return saved;
}

}  // namespace capsule
