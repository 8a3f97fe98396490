#include "tests/e2e/processes.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <set>
#include <sstream>

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

/// By parent. A process that ends meanwhile is not in it.
std::multimap<pid_t, pid_t> children() {
    std::multimap<pid_t, pid_t> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
        const std::string name = entry.path().filename().string();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        const std::string stat = contents(entry.path() / "stat");
        const auto name_end = stat.rfind(')');  // the name may hold spaces and parentheses
        if (name_end == std::string::npos) continue;
        std::istringstream rest(stat.substr(name_end + 1));
        char state = 0;
        pid_t parent = 0;
        rest >> state >> parent;
        found.emplace(parent, static_cast<pid_t>(std::stol(name)));
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

}  // namespace

void note_environments(pid_t root, ProcessEnvironments& into) {
    const auto by_parent = children();
    std::set<pid_t> open{root};
    while (!open.empty()) {
        const pid_t process = *open.begin();
        open.erase(open.begin());
        note(process, into);
        const auto [first, last] = by_parent.equal_range(process);
        for (auto child = first; child != last; ++child)
            open.insert(child->second);
    }
}

}  // namespace capsule::e2e
