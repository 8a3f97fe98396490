#include "daemon/home/asked_models.hpp"

#include <algorithm>
#include <utility>

namespace capsule {
namespace {

constexpr std::size_t most_binaries = 32;  // more were replaced long ago
constexpr std::size_t most_of_an_asker = 8;

}  // namespace

bool AskedModels::Asked::is_looked_up_by(uid_t asker) const {
    const auto lookup = lookups.find(asker);
    return lookup != lookups.end() && !lookup->second->has_ended();
}

AskedModels::Asked& AskedModels::by(uid_t asker, const std::string& key) {
    Asked& asked = by_binary_[key];
    asked.askers[asker] = ++count_;
    forget_what_is_too_much(asker, asked);
    return asked;
}

void AskedModels::answer(uid_t asker, const std::string& key, const ModelList& found) {
    // It may have been forgotten. Made again here, it would be nobody's, and stay for good.
    const auto at = by_binary_.find(key);
    if (at == by_binary_.end()) return;
    Asked& asked = at->second;
    asked.lookups.erase(asker);
    if (found.own.has_value()) {
        asked.known = found;
        known_.reset();
    } else if (!asked.known && asked.lookups.empty()) {
        // A failure may pass (a full disk, a slow start): the next session asks again.
        by_binary_.erase(at);
    }
}

std::shared_ptr<const std::map<std::string, ModelList>> AskedModels::known() const {
    if (known_) return known_;
    std::map<std::string, ModelList> known;
    for (const auto& [key, asked] : by_binary_)
        if (asked.known) known.emplace(key, *asked.known);
    known_ = std::make_shared<const std::map<std::string, ModelList>>(std::move(known));
    return known_;
}

/// Of the asker's own, and where there are too many in all, of whoever has most. What others asked for, too, stays
/// theirs; and so does what is `asked` for now.
void AskedModels::forget_what_is_too_much(uid_t asker, const Asked& asked) {
    std::map<uid_t, std::size_t> counts;
    for (const auto& [key, each] : by_binary_)
        for (const auto& [user, when] : each.askers)
            ++counts[user];
    if (counts[asker] > most_of_an_asker && forget_one_of(asker, asked)) --counts[asker];
    const auto has_most = [&] {
        return std::ranges::max_element(counts, {}, [](const auto& each) { return each.second; });
    };
    for (auto most = has_most(); by_binary_.size() > most_binaries && forget_one_of(most->first, asked);
         most = has_most())
        --most->second;
}

/// The one that it asked for longest ago. False: all are being looked up.
bool AskedModels::forget_one_of(uid_t asker, const Asked& but) {
    auto oldest = by_binary_.end();
    for (auto each = by_binary_.begin(); each != by_binary_.end(); ++each) {
        const auto when = each->second.askers.find(asker);
        if (when == each->second.askers.end() || &each->second == &but || each->second.is_looked_up_by(asker)) continue;
        if (oldest == by_binary_.end() || when->second < oldest->second.askers.at(asker)) oldest = each;
    }
    if (oldest == by_binary_.end()) return false;
    oldest->second.lookups.erase(asker);
    oldest->second.askers.erase(asker);
    if (oldest->second.askers.empty()) {
        by_binary_.erase(oldest);
        known_.reset();
    }
    return true;
}

}  // namespace capsule
