#include "tests/e2e/processes.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <sstream>
#include <string_view>

namespace capsule::e2e {

namespace fs = std::filesystem;

namespace {

/// Empty when the process ends meanwhile, which makes read() fail.
std::string contents(const fs::path& path) {
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    std::string text;
    std::array<char, 16384> block{};
    for (ssize_t got = 1; descriptor >= 0 && got > 0;) {
        got = read(descriptor, block.data(), block.size());
        if (got > 0) text.append(block.data(), static_cast<std::size_t>(got));
    }
    if (descriptor >= 0) close(descriptor);
    return text;
}

/// A thread knows the processes that it started, which is cheaper to read than all of /proc.
std::set<pid_t> children_of(pid_t process) {
    std::set<pid_t> found;
    std::error_code ended_meanwhile;
    fs::directory_iterator thread("/proc/" + std::to_string(process) + "/task", ended_meanwhile);
    for (; thread != fs::directory_iterator(); thread.increment(ended_meanwhile)) {
        std::istringstream list(contents(thread->path() / "children"));
        for (pid_t child = 0; list >> child;)
            found.insert(child);
    }
    return found;
}

void note(pid_t process, ProcessEnvironments& into) {
    const fs::path directory = "/proc/" + std::to_string(process);
    std::error_code error;
    const fs::path program = fs::read_symlink(directory / "exe", error);
    const std::string block = contents(directory / "environ");
    if (error || block.empty()) return;
    auto& variables = into[std::to_string(process) + " " + program.filename().string()];
    variables.clear();
    std::istringstream stream(block);
    for (std::string entry; std::getline(stream, entry, '\0');) {
        const auto equals = entry.find('=');
        if (equals != std::string::npos) variables[entry.substr(0, equals)] = entry.substr(equals + 1);
    }
}

/// `root` and its descendants.
std::set<pid_t> family(pid_t root) {
    std::set<pid_t> all;
    std::set<pid_t> open{root};
    while (!open.empty()) {
        const pid_t process = *open.begin();
        open.erase(open.begin());
        all.insert(process);
        open.merge(children_of(process));
    }
    return all;
}

/// The present pages of a process, joined as far as they lie side by side. A process may reserve much that it does not
/// have.
class Memory {
  public:
    explicit Memory(pid_t process)
        : directory_("/proc/" + std::to_string(process)),
          memory_(open((directory_ / "mem").c_str(), O_RDONLY | O_CLOEXEC)),
          pages_(open((directory_ / "pagemap").c_str(), O_RDONLY | O_CLOEXEC)) {}
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    ~Memory() {
        for (const int descriptor : {memory_, pages_})
            if (descriptor >= 0) close(descriptor);
    }

    std::size_t each(const std::function<void(std::string_view)>& look) const {
        std::istringstream maps(contents(directory_ / "maps"));
        std::size_t looked_at = 0;
        for (std::string line; std::getline(maps, line);) {
            std::istringstream in(line);
            std::uint64_t from = 0;
            std::uint64_t to = 0;
            char dash = 0;
            std::string mode;
            in >> std::hex >> from >> dash >> to >> mode;
            if (!mode.starts_with("rw")) continue;
            std::string bytes;
            for (; from < to; from += window) {
                const auto size = std::min<std::uint64_t>(window, to - from);
                const bool there = any_present(from, size);
                // What a border cuts is found with the end of what came before.
                bytes.erase(0, there ? bytes.size() - std::min(bytes.size(), longest) : bytes.size());
                if (!there) continue;
                const std::size_t before = bytes.size();
                bytes.resize(before + size);
                const ssize_t got = pread(memory_, bytes.data() + before, size, static_cast<off_t>(from));
                bytes.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
                looked_at += bytes.size() - before;
                look(bytes);
            }
        }
        return looked_at;
    }

  private:
    static constexpr std::uint64_t page = 4096;
    static constexpr std::uint64_t window = 512 * page;
    static constexpr std::size_t longest = 256;  ///< of a text that is sought

    bool any_present(std::uint64_t from, std::uint64_t size) const {
        std::array<std::uint64_t, window / page> entries{};
        const ssize_t got = pread(pages_, entries.data(), size / page * 8, static_cast<off_t>(from / page * 8));
        const auto count = static_cast<std::size_t>(std::max<ssize_t>(got, 0)) / 8;
        return std::any_of(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(count),
                           [](std::uint64_t entry) { return entry >> 62U != 0; });  // present, or swapped out
    }

    fs::path directory_;
    int memory_;
    int pages_;
};

}  // namespace

void note_environments(pid_t root, ProcessEnvironments& into) {
    for (const pid_t process : family(root))
        note(process, into);
}

std::size_t search_memory(pid_t root, const std::set<std::string>& texts, std::set<std::string>& found) {
    std::size_t looked_at = 0;
    std::set<pid_t> processes;
    // An agent that ends meanwhile has no memory left. One that was stopped has no further children.
    for (std::set<pid_t> all = family(root); all != processes; all = family(root)) {
        for (const pid_t process : all)
            kill(process, SIGSTOP);
        processes = all;
    }
    for (const pid_t process : processes)
        looked_at += Memory(process).each([&](std::string_view bytes) {
            for (const std::string& text : texts)
                if (bytes.find(text) != std::string_view::npos) found.insert(text);
        });
    for (const pid_t process : processes)
        kill(process, SIGCONT);
    return looked_at;
}

}  // namespace capsule::e2e
