#include "client/verify/moved_homes.hpp"

#include <algorithm>

namespace capsule {
namespace {

std::string without_slashes_at_its_end(std::string path) {
    while (path.size() > 1 && path.ends_with('/'))
        path.pop_back();
    return path;
}

/// Whether `path` is that directory or below it, at the begin of `path`.
bool is_at_or_below(std::string_view path, std::string_view directory) {
    return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

/// In an argument. (':' stands between the paths of a list.)
bool may_be_beside_a_path(char c) {
    return std::string_view("\"'=,:;{}[]() ").find(c) != std::string_view::npos;
}

}  // namespace

MovedHomes::MovedHomes(const std::map<std::string, std::string>& env, std::string temporary_home)
    : temporary_(std::move(temporary_home)) {
    const auto add = [&](std::string_view variable, std::string_view place) {
        const auto found = env.find(std::string(variable));
        if (found == env.end() || !found->second.starts_with('/') || found->second == "/") return;
        directories_.emplace_back(without_slashes_at_its_end(found->second), place);
    };
    add("HOME", "");
    for (const auto& [variable, place] : variables_of_homes)
        add(variable, place);
    std::ranges::stable_sort(directories_, std::greater(), [](const auto& each) { return each.first.size(); });
}

std::optional<std::string> MovedHomes::moved(std::string_view path) const {
    const bool goes_up = path.ends_with("/..") || path.find("/../") != path.npos;
    for (const auto& [real, place] : directories_)
        if (!goes_up && is_at_or_below(path, real))
            return temporary_ + (place.empty() ? "" : "/" + place) + std::string(path.substr(real.size()));
    return std::nullopt;
}

std::string MovedHomes::moved_in(std::string text) const {
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '/' || (at > 0 && !may_be_beside_a_path(text[at - 1]))) continue;  // no path begins here
        const std::string_view rest = std::string_view(text).substr(at);
        for (const auto& [real, place] : directories_) {
            if (!rest.starts_with(real)) continue;
            const char next = rest.size() == real.size() ? '/' : rest[real.size()];
            if (next != '/' && !may_be_beside_a_path(next)) continue;  // it has a longer name
            const std::string there = temporary_ + (place.empty() ? "" : "/" + place);
            text.replace(at, real.size(), there);
            at += there.size() - 1;
            break;
        }
    }
    return text;
}

std::string MovedHomes::real(std::string_view relative) const {
    std::string home;
    for (const auto& [real, place] : directories_) {
        if (place.empty()) home = real;
        if (!place.empty() && is_at_or_below(relative, place)) return real + std::string(relative.substr(place.size()));
    }
    return home + "/" + std::string(relative);
}

}  // namespace capsule
