#include "daemon/home/asked_models.hpp"

#include <algorithm>
#include <utility>

namespace capsule {
namespace {

constexpr std::size_t most_binaries = 32;  // more were replaced long ago
constexpr std::size_t most_of_an_asker = 8;

}  // namespace

AskedModels::Asked& AskedModels::by(uid_t asker, const std::string& key) {
    by_binary_[key].askers[asker] = ++count_;
    forget_what_is_too_much(asker);
    Asked& asked = by_binary_[key];
    asked.askers[asker] = count_;  // where that was the only one to forget
    return asked;
}

void AskedModels::answer(uid_t asker, const std::string& key, const ModelList& found) {
    Asked& asked = by_binary_[key];
    asked.lookups.erase(asker);
    // A failure may pass (a full disk, a slow start): the next session asks again.
    if (found.own.has_value())
        asked.known = found;
    else if (!asked.known && asked.lookups.empty())
        by_binary_.erase(key);
}

std::map<std::string, ModelList> AskedModels::known() const {
    std::map<std::string, ModelList> known;
    for (const auto& [key, asked] : by_binary_)
        if (asked.known) known.emplace(key, *asked.known);
    return known;
}

/// Of the asker's own, and where there are too many in all, of whoever has most. What others asked for, too, stays
/// theirs.
void AskedModels::forget_what_is_too_much(uid_t asker) {
    std::map<uid_t, std::size_t> counts;
    for (const auto& [key, asked] : by_binary_)
        for (const auto& [user, when] : asked.askers)
            ++counts[user];
    if (counts[asker] > most_of_an_asker && forget_one_of(asker)) --counts[asker];
    const auto has_most = [&] {
        return std::ranges::max_element(counts, {}, [](const auto& each) { return each.second; });
    };
    for (auto most = has_most(); by_binary_.size() > most_binaries && forget_one_of(most->first); most = has_most())
        --most->second;
}

/// The one that it asked for longest ago. False: all are being looked up.
bool AskedModels::forget_one_of(uid_t asker) {
    auto oldest = by_binary_.end();
    for (auto each = by_binary_.begin(); each != by_binary_.end(); ++each) {
        const auto when = each->second.askers.find(asker);
        if (when == each->second.askers.end() || !each->second.known) continue;
        if (oldest == by_binary_.end() || when->second < oldest->second.askers.at(asker)) oldest = each;
    }
    if (oldest == by_binary_.end()) return false;
    oldest->second.askers.erase(asker);
    if (oldest->second.askers.empty()) by_binary_.erase(oldest);
    return true;
}

}  // namespace capsule
