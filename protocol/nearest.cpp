#include "protocol/nearest.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace capsule {
namespace {

std::size_t edit_distance(std::string_view from, std::string_view to) {
    std::vector<std::size_t> row(to.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= from.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= to.size(); ++j) {
            const std::size_t replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
        }
    }
    return row.back();
}

}  // namespace

bool one_slip_apart(std::string_view word, std::string_view other) {
    if (word.size() < other.size()) std::swap(word, other);
    if (word == other || word.size() > other.size() + 1) return false;
    const auto [at, unused] = std::mismatch(other.begin(), other.end(), word.begin());
    const auto same = static_cast<std::size_t>(at - other.begin());
    word.remove_prefix(same);
    other.remove_prefix(same);
    if (word.size() > other.size()) return word.substr(1) == other;
    if (word.substr(1) == other.substr(1)) return true;
    return word.size() > 1 && word[0] == other[1] && word[1] == other[0] && word.substr(2) == other.substr(2);
}

std::optional<std::string_view> nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
    // A name is at most a few dozen characters; a hostile one would only cost time.
    constexpr std::size_t longest_name = 128;
    if (word.size() > longest_name) return std::nullopt;
    const std::size_t allowed = std::max<std::size_t>(1, (word.size() + 1) / 3);
    std::optional<std::string_view> best;
    std::size_t best_distance = allowed + 1;
    for (std::string_view candidate : candidates) {
        // Two neighbours that changed places are one slip, and two edits.
        const std::size_t distance = one_slip_apart(word, candidate) ? 1 : edit_distance(word, candidate);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

std::string problem_unless_among(std::string_view word, const std::vector<std::string_view>& names) {
    constexpr std::size_t longest_shown = 24;
    if (std::find(names.begin(), names.end(), word) != names.end()) return {};
    std::string list;
    for (const std::string_view name : names)
        list += (list.empty() ? "" : ", ") + std::string(name);
    const std::string given = word.size() > longest_shown ? "this" : "\"" + std::string(word) + "\"";
    if (names.size() == 1) return given + " is not " + list;
    // "warning" for "warn".
    constexpr std::size_t least = 3;
    const auto longer = std::find_if(names.begin(), names.end(), [&](std::string_view name) {
        return name.size() >= least && word.starts_with(name);
    });
    const auto near = longer != names.end() ? std::optional(*longer) : nearest(word, names);
    return given + " is none of " + list + (near ? ": did you mean \"" + std::string(*near) + "\"?" : "");
}

}  // namespace capsule
