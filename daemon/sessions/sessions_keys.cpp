// What the broker is told of the sessions that live: their grants, and that a key has changed.
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <map>

#include "daemon/log/log.hpp"
#include "daemon/sessions/live.hpp"
#include "daemon/sessions/sessions.hpp"
#include "daemon/sessions/sha256.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

constexpr char no_key = '-';

std::string fingerprint(const KeyNow& key) {
    return key.value ? key_name(*key.value) : no_key + key.reason;
}

/// Sessions of one of these have the same key, for the same address, or none for the same reason.
std::string key_place(const SessionRecord& record) {
    return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", record.key_variable, record.workspace.value_or(""),
                       record.role.value_or(""), record.key_scope.value_or(""), record.known_workspace.value_or(""),
                       record.known_role.value_or(""), record.agent, record.provider, record.base_url, record.uid);
}

/// Whoever asked for a session is counted at the broker, since one user can have sessions granted for any number of
/// uids. What root and the daemon's own user ask for is counted for each user, here or, of another capsuled's, there.
void tell_who_is_counted(const SessionRecord& record, broker::Grant& grant) {
    const std::uint32_t asker = record.asker();
    const bool is_daemons = asker == 0 || asker == ::geteuid();
    if (is_daemons && (!record.asked_there || *record.asked_there == 0 || *record.asked_there == asker)) return;
    grant.asked_by = asker;
    if (is_daemons) grant.asked_there = record.asked_there;
}

}  // namespace

std::string key_name(const Secret& key) {
    return sha256_hex(key.reveal());
}

asio::awaitable<void> Sessions::read_keys() {
    std::map<std::string, SessionRecord> places;
    for (const auto& [id, live] : live_)
        if (live->record.brokered()) places.emplace(key_place(live->record), live->record);
    std::vector<SessionRecord> records;
    for (auto& [place, record] : places)
        records.push_back(std::move(record));
    co_await sources_.read_keys(std::move(records));
}

/// A session that an older daemon kept has the scope of the first key that is found for it.
void Sessions::keep_scope(Live& live, const std::string& scope) {
    if (live.record.key_scope || scope.empty()) return;
    live.record.key_scope = scope;
    live.record.known_workspace.reset();
    live.record.known_role.reset();
    live.changed = true;
}

broker::Grant Sessions::grant_of(Live& live, const KeyLook& key_of) {
    const KeyNow key = key_of(live.record);
    keep_scope(live, key.scope);
    const bool first = live.key_fingerprint.empty();
    live.key_fingerprint = fingerprint(key);
    if (first) limits_.restore(live.record.provider, live.key_fingerprint, live.counts.limit, now_());
    broker::Grant grant;
    grant.session = live.record.id;
    grant.token_sha256 = live.record.token_sha256;
    grant.provider = live.record.provider;
    grant.label = live.record.label;
    grant.base_url = live.record.base_url;
    grant.surface = live.record.surface;
    if (key.value)
        grant.key = std::string(key.value->reveal());
    else
        grant.reason = key.reason;
    grant.agent = live.record.agent;
    grant.uid = live.record.uid;
    tell_who_is_counted(live.record, grant);
    sources_.describe(grant);
    return grant;
}

std::vector<broker::Grant> Sessions::grants() {
    std::vector<broker::Grant> out;
    const KeyLook key_of = sources_.look();
    for (const auto& [id, live] : live_)
        if (live->record.brokered()) out.push_back(grant_of(*live, key_of));
    return out;
}

/// One look at each place where a key may be, however many sessions have it.
std::vector<broker::Key> Sessions::changed_keys() {
    std::map<std::string, KeyNow> seen;
    const KeyLook key_of = sources_.look();
    std::vector<broker::Key> out;
    for (const auto& [id, live] : live_) {
        if (!live->record.brokered()) continue;
        const std::string place = key_place(live->record);
        auto found = seen.find(place);
        if (found == seen.end()) found = seen.emplace(place, key_of(live->record)).first;
        const KeyNow& key = found->second;
        keep_scope(*live, key.scope);
        if (key.value) live->record.key_source = key.source;
        std::string now = fingerprint(key);
        if (now == live->key_fingerprint) continue;
        live->key_fingerprint = std::move(now);
        // What the other key was refused says nothing of this one.
        live->counts.limit = limits_.of_key(live->record.provider, live->key_fingerprint);
        live->changed = true;
        broker::Key change;
        change.session = id;
        if (key.value)
            change.value = std::string(key.value->reveal());
        else
            change.reason = key.reason;
        out.push_back(std::move(change));
        log_info("session_key", {{"session", id},
                                 {"uid", std::int64_t{live->record.uid}},
                                 {"asked_by", std::int64_t{live->record.asker()}},
                                 {"provider", live->record.provider},
                                 {"key", key.value ? std::string_view("changed") : std::string_view("removed")}});
    }
    return out;
}

std::vector<KeylessSession> Sessions::without_key() const {
    std::vector<KeylessSession> out;
    for (const auto& [id, live] : live_) {
        const std::string& key = live->key_fingerprint;
        const std::string why = key.starts_with(no_key) ? key.substr(1) : live->why_not_granted;
        if (!why.empty()) out.push_back({session_row(live->record, SessionCounts(), std::nullopt, now_()), why});
    }
    return out;
}

asio::awaitable<void> Sessions::refresh_keys() {
    if (remote_.started()) co_return;
    co_await read_keys();
    std::vector<broker::Key> changes = changed_keys();
    for (std::size_t i = 0; i < changes.size(); ++i) {
        // They are taken in order: where the last one is, all are.
        broker::ToBroker change = std::move(changes[i]);
        if (i + 1 < changes.size())
            link_.tell(change);
        else if (auto taken = co_await link_.tell_and_wait(std::move(change)); !taken)
            spdlog::warn("{}", taken.error().message);
    }
}

}  // namespace capsule
