// Sessions whose tokens another capsuled grants ([broker] remote).
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "daemon/log/log.hpp"
#include "daemon/process/essential.hpp"
#include "daemon/sessions/live.hpp"
#include "daemon/sessions/sha256.hpp"
#include "daemon/sessions/token.hpp"
#include "protocol/json_struct.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds grant_again{5};
constexpr int most_reads = 3;

GrantParams asked_anew(const SessionRecord& record) {
    GrantParams params;
    params.agent = record.agent;
    params.provider = record.provider;
    params.model = record.model;
    params.workspace = record.workspace;
    params.role = record.role;
    params.ends_with = ends_with::connection;
    params.uid = record.uid;
    params.asked_by = record.asker();
    params.key_is_read = true;
    params.token_sha256 = record.token_sha256;
    params.key_scope = record.key_scope;
    params.provider_url = record.remote_provider_url;
    return params;
}

std::optional<std::string> url_of(const RemoteGrant& grant, const std::string& surface) {
    const auto found = grant.base_urls().find(surface);
    return found == grant.base_urls().end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

asio::awaitable<Result<std::shared_ptr<RemoteGrant>>> Sessions::grant_remotely(std::uint32_t asker,
                                                                               GrantParams params) {
    params.ends_with = ends_with::connection;
    params.key_is_read = true;
    // A reload there forgets what was read.
    for (int tries = 0; tries < most_reads; ++tries) {
        auto granted = co_await remote_.grant(params, RemoteLink::patience);
        if (!granted || *granted) co_return granted;
        if (auto read = co_await have_key_read(asker, params); !read) co_return read.error();
    }
    co_return Error{ErrorCode::key_error,
                    "the capsuled that has the keys has forgotten the key each time that it was read", "ask again"};
}

void Sessions::open_remote(std::string path) {
    remote_places_.open(path);
    remote_.start(std::move(path));
    spawn_essential(executor_, watch_counts());
}

/// By a grant that is given back at once: what was read is remembered there. It may take 10 s, and what is asked over
/// remote() after it would wait.
asio::awaitable<Result<void>> Sessions::have_key_read(std::uint32_t asker, GrantParams params) {
    const auto link = co_await remote_places_.take(asker);
    if (!link) co_return link.error();
    params.key_is_read.reset();
    // Nobody has that token. A session whose token is not made there is not kept there, either.
    params.token_sha256 = sha256_hex(make_token().reveal());
    const auto granted = co_await (*link)->grant(std::move(params), RemoteLink::patience);
    if (!granted) co_return granted.error();
    co_return Result<void>();
}

void Sessions::grant_anew_soon() {
    // Over this connection nobody was refused yet.
    for (const auto& [id, live] : live_)
        live->grant_at = {};
    if (granting_anew_)
        grant_pause_.cancel();
    else
        spawn_essential(executor_, grant_anew());
}

bool Sessions::has_grant(const Live& live) const {
    return live.remote && live.remote->connection() == remote_.connection();
}

/// Those with a token but without a grant of the connection that is there, in turns: one of each user who asked for
/// some, then the next of each. Whoever was refused before comes last: the other capsuled answers one after the other,
/// and looks for that one's key perhaps for a while.
std::vector<std::shared_ptr<Sessions::Live>> Sessions::without_grant() const {
    std::map<std::uint32_t, std::size_t> of_asker;
    std::multimap<std::pair<bool, std::size_t>, std::shared_ptr<Live>> in_turns;
    for (const auto& [id, live] : live_) {
        if (!live->record.brokered() || has_grant(*live)) continue;
        const bool was_refused = !live->why_not_granted.empty();
        in_turns.emplace(std::pair(was_refused, ++of_asker[live->record.asker()]), live);
    }
    std::vector<std::shared_ptr<Live>> out;
    for (auto& [turn, live] : in_turns)
        out.push_back(std::move(live));
    return out;
}

/// Until every session with a token has a grant of the connection that is there. One that is refused is tried again
/// after a pause of its own.
asio::awaitable<void> Sessions::grant_anew() {
    if (std::exchange(granting_anew_, true)) co_return;
    while (!stopping_ && remote_.connected()) {
        const auto missing = without_grant();
        if (missing.empty()) break;
        for (const auto& live : missing) {
            if (!remote_.connected()) break;
            if (live->grant_at > Clock::now()) continue;
            const bool done = co_await grant_anew(live);
            if (!done) live->grant_at = Clock::now() + grant_again;
        }
        Clock::time_point next = Clock::now() + grant_again;
        for (const auto& live : without_grant())
            next = std::min(next, live->grant_at);
        grant_pause_.expires_at(next);
        boost::system::error_code ignored;
        co_await grant_pause_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    granting_anew_ = false;
}

/// False: it is to be tried again.
asio::awaitable<bool> Sessions::grant_anew(std::shared_ptr<Live> live) {
    const std::string id = live->record.id;
    GrantParams params = asked_anew(live->record);
    auto granted = co_await remote_.grant(std::move(params), std::chrono::milliseconds(0));
    if (stopping_ || !live_.contains(id)) co_return true;
    if (!granted && granted.error().code == ErrorCode::session_unknown) {
        end(id, granted.error().message);
        co_return true;
    }
    if (!granted) {
        is_not_granted(*live, granted.error());
        co_return false;
    }
    if (!*granted) {
        spawn_essential(executor_, read_before_grant(live));
        co_return false;
    }
    const auto url = url_of(**granted, live->record.surface);
    if (live->record.remote_url && url != live->record.remote_url) {
        end(id, "the broker has come back at another address; [broker] listen keeps it");
        co_return true;
    }
    keep_scope(*live, (*granted)->key_scope());
    if (!live->record.remote_provider_url && (*granted)->provider_url()) {
        live->record.remote_provider_url = (*granted)->provider_url();
        live->changed = true;
    }
    live->remote = std::move(*granted);
    live->all_models_of.reset();
    live->why_not_granted.clear();
    log_info(
        "session_granted_anew",
        {{"session", id}, {"uid", std::int64_t{live->record.uid}}, {"asked_by", std::int64_t{live->record.asker()}}});
    co_return true;
}

/// Others' sessions do not wait for that. Of one user's sessions one is read for at a time: they may have one key.
asio::awaitable<void> Sessions::read_before_grant(std::shared_ptr<Live> live) {
    const std::uint32_t asker = live->record.asker();
    if (!reading_for_.insert(asker).second) co_return;
    const auto read = co_await have_key_read(asker, asked_anew(live->record));
    reading_for_.erase(asker);
    if (stopping_) co_return;
    if (!read) is_not_granted(*live, read.error());
    for (const auto& each : without_grant())
        if (each->record.asker() == asker && each->why_not_granted.empty()) each->grant_at = {};
    grant_pause_.cancel();
}

void Sessions::is_not_granted(Live& live, const Error& error) {
    const std::string cure = error.hint.empty() ? "" : "; " + error.hint;
    const std::string why = "it cannot be granted anew yet: " + error.message + cure;
    if (!std::exchange(live.why_not_granted, why).empty()) return;
    log_warning("session_not_granted", {{"session", live.record.id},
                                        {"uid", std::int64_t{live.record.uid}},
                                        {"asked_by", std::int64_t{live.record.asker()}},
                                        {"why", why}});
}

BrokerStatus Sessions::remote_status() const {
    BrokerStatus out;
    out.remote = remote_.path();
    out.state = remote_.answers() ? "running" : remote_.problem().empty() ? "starting" : "failed";
    if (!remote_.problem().empty()) out.error = remote_.problem();
    for (const auto& [id, live] : live_) {
        if (!live->record.brokered()) continue;
        ++out.sessions;
        if (const auto& url = live->record.remote_url) {
            const std::string_view address = std::string_view(*url).substr(url->find("//") + 2);
            out.address = std::string(address.substr(0, address.find('/')));
        }
    }
    return out;
}

}  // namespace capsule
