// Sessions whose tokens another capsuled grants ([broker] remote).
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/object.hpp>
#include <span>
#include <utility>

#include "daemon/log/log.hpp"
#include "daemon/process/essential.hpp"
#include "daemon/sessions/live.hpp"
#include "protocol/json_struct.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds grant_again{5};
/// What sessions did is looked at to see which of them are idle, and to tell of limits; sessions.list looks itself.
constexpr std::chrono::seconds look_at_counts{60};
/// Of a session's row the names and messages of users and providers are at most 11 KiB: 32 models with two names of 128
/// bytes each, a model of 256, a message of 500. With one model they are 2 KiB. So these rows stay far below the 4 MiB
/// that a RemoteLink takes of an answer, whatever addresses and labels the operator adds.
constexpr std::size_t rows_at_once = 64, brief_rows_at_once = 512;

/// What stands around the ids in a request.
constexpr std::size_t around_ids = 160;

/// The first of them that one request may name.
std::vector<std::string> first_of(std::span<const std::string> ids, ShownModels models, std::size_t longest_request) {
    const auto most = std::min(ids.size(), models == ShownModels::all ? rows_at_once : brief_rows_at_once);
    std::size_t count = 0;
    for (std::size_t bytes = around_ids; count < most; ++count) {
        bytes += ids[count].size() + std::string_view(R"("",)").size();
        if (count > 0 && bytes > longest_request) break;
    }
    return {ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count)};
}

GrantParams asked_anew(const SessionRecord& record) {
    GrantParams params;
    params.agent = record.agent;
    params.provider = record.provider;
    params.model = record.model;
    params.workspace = record.workspace;
    params.role = record.role;
    params.ends_with = ends_with::connection;
    params.uid = record.uid;
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

asio::awaitable<Result<std::shared_ptr<RemoteGrant>>> Sessions::grant_remotely(GrantParams params) {
    params.ends_with = ends_with::connection;
    co_return co_await remote_.grant(std::move(params), RemoteLink::patience);
}

void Sessions::open_remote(std::string path) {
    remote_.start(std::move(path));
    spawn_essential(executor_, watch_counts());
}

std::shared_ptr<RemoteLink> Sessions::remote_for_long(std::uint32_t asker) {
    std::erase_if(remotes_for_long_, [](const auto& each) { return each.second.expired(); });
    auto& known = remotes_for_long_[asker];
    if (auto held = known.lock()) return held;
    const auto link = std::make_shared<RemoteLink>(executor_);
    link->start(remote_.path());
    known = link;
    return link;
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

/// Those with a token but without a grant of the connection that is there. Whoever was refused before comes last: the
/// other capsuled answers one after the other, and looks for that one's key perhaps for a while.
std::vector<std::shared_ptr<Sessions::Live>> Sessions::without_grant() const {
    std::vector<std::shared_ptr<Live>> out;
    for (const auto& [id, live] : live_)
        if (live->record.brokered() && !has_grant(*live)) out.push_back(live);
    std::ranges::stable_partition(out, [](const auto& live) { return live->why_not_granted.empty(); });
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
    if (!granted) {
        const Error& error = granted.error();
        const std::string cure = error.hint.empty() ? "" : "; " + error.hint;
        const std::string why = "it cannot be granted anew yet: " + error.message + cure;
        if (std::exchange(live->why_not_granted, why).empty()) {
            log_warning("session_not_granted", {{"session", id},
                                                {"uid", std::int64_t{live->record.uid}},
                                                {"asked_by", std::int64_t{live->record.asker()}},
                                                {"why", why}});
        }
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
    live->why_not_granted.clear();
    log_info(
        "session_granted_anew",
        {{"session", id}, {"uid", std::int64_t{live->record.uid}}, {"asked_by", std::int64_t{live->record.asker()}}});
    co_return true;
}

/// The counts are asked for once for all who want to know at the same time. Whoever comes while they are being asked
/// for has what is asked for next, so that nothing is missing that had happened when it came.
asio::awaitable<void> Sessions::refresh_counts(ShownModels models, std::chrono::milliseconds limit) {
    if (!remote_.connected() || !any_with_token()) co_return;
    RefreshOfCounts& refresh = refreshes_[models];
    if (const auto next = refresh.next) {
        co_await next->wait();
        co_return;
    }
    const auto own = std::make_shared<SharedRun<bool>>(executor_);
    if (const auto now = refresh.now) {
        refresh.next = own;
        co_await now->wait();
        refresh.next = nullptr;
    }
    refresh.now = own;
    co_await own->run(ask_for_counts(models, Clock::now() + limit));
    if (refresh.now == own) refresh.now = nullptr;
}

/// False: not all of them came.
asio::awaitable<bool> Sessions::ask_for_counts(ShownModels models, Clock::time_point end) {
    std::map<std::string, std::string> own_ids;  // by those that the sessions have there
    std::vector<std::string> ids;
    for (const auto& [id, live] : live_)
        if (has_grant(*live)) own_ids.emplace(ids.emplace_back(live->remote->id()), id);
    const auto may_be_at_work = [&] {
        for (const auto& [there, id] : own_ids)
            if (const auto found = live_.find(id); found != live_.end()) found->second->used = now_();
    };
    for (std::span<const std::string> left_over = ids; !left_over.empty();) {
        SessionsListParams params;
        params.ids = first_of(left_over, models, remote_.longest_request());
        left_over = left_over.subspan(params.ids->size());
        if (models == ShownModels::first_other) params.brief = true;
        std::string method = "sessions.list";
        boost::json::value asked = without_nulls(to_json(params));
        const std::chrono::milliseconds no_wait{0};
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
        if (left <= no_wait) {
            may_be_at_work();
            co_return false;
        }
        const auto answer = co_await remote_.call(std::move(method), std::move(asked), no_wait, left);
        SessionsListResult list;
        if (!answer || !from_json(list, *answer, "result", Unknown::ignore)) {
            if (!answer && answer.error().code != ErrorCode::io_error && !std::exchange(told_of_counts_, true))
                spdlog::warn("what the sessions do is not known, so none ends for being idle: {}; {}",
                             answer.error().message, answer.error().hint);
            may_be_at_work();
            co_return false;
        }
        told_of_counts_ = false;
        for (SessionRow& row : list.sessions) {
            const auto own_id = own_ids.find(row.id);
            const auto found = own_id == own_ids.end() ? live_.end() : live_.find(own_id->second);
            if (found != live_.end()) take_counts(*found->second, std::move(row), models);
        }
    }
    end_idle_ones();  // whoever has asked for the sessions is shown none of these
    co_return true;
}

void Sessions::take_counts(Live& live, SessionRow row, ShownModels models) {
    if (row.requests.total != live.counts.requests.total) {
        live.used = now_();
        live.changed = true;
    }
    live.counts.requests = row.requests;
    live.counts.streams = row.streams;
    live.counts.active_at = std::move(row.active_at);
    live.counts.tokens = row.tokens;
    if (models == ShownModels::all)
        live.counts.models = std::move(row.models);
    else if (!live.told_of_model)
        std::ranges::move(row.models, std::back_inserter(live.counts.models));
    live.counts.last = std::move(row.last);
    const auto before = live.counts.limit.at(now_());
    live.counts.limit.set(std::move(row.limit), now_(), now_());
    tell_of_model(live);
    const auto after = live.counts.limit.at(now_());
    if (after && (!before || before->kind != after->kind))
        sources_.happened("session.limit", live.record, live.counts, std::nullopt);
}

asio::awaitable<void> Sessions::watch_counts() {
    while (!stopping_) {
        clock_.expires_after(look_at_counts);
        boost::system::error_code stopped;
        co_await clock_.async_wait(asio::redirect_error(asio::use_awaitable, stopped));
        if (stopped || stopping_) co_return;
        co_await refresh_counts(ShownModels::all);
        keep_counts(counts_are_kept_within, most_written_at_once);
        end_idle_ones();
    }
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
