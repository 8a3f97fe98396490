// What the sessions did whose tokens another capsuled grants ([broker] remote): it is asked.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <span>
#include <utility>

#include "daemon/sessions/live.hpp"
#include "protocol/json_struct.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

using Clock = std::chrono::steady_clock;

/// What sessions did is looked at to see which of them are idle, and to tell of limits; sessions.list looks itself.
constexpr std::chrono::seconds look_at_counts{60};
/// Of a session's row the names and messages of users and providers are at most 4 KiB: 1 KiB of models, a model of 256
/// bytes, a message of 500. With one model they are 2 KiB. So these rows stay far below the 4 MiB that a RemoteLink
/// takes of an answer, whatever addresses and labels the operator adds, and though an older capsuled counts more
/// models. Brief rows come in parts of the same size: who asks for one kind waits behind a part of the other each time.
constexpr std::size_t rows_at_once = 256;

/// An answer that is younger is used again: a thousand rows take both sides some 50 ms.
constexpr std::chrono::milliseconds counts_are_young_for{250};
/// A program that asks for its own sessions has a few, and wants to know what they did up to now.
constexpr std::size_t asked_for_alone = 4;

/// What stands around the ids in a request.
constexpr std::size_t around_ids = 160;

/// The first of them that one request may name.
std::vector<std::string> first_of(std::span<const std::string> ids, std::size_t longest_request) {
    const auto most = std::min(ids.size(), rows_at_once);
    std::size_t count = 0;
    for (std::size_t bytes = around_ids; count < most; ++count) {
        bytes += ids[count].size() + std::string_view(R"("",)").size();
        if (count > 0 && bytes > longest_request) break;
    }
    return {ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace

asio::awaitable<void> Sessions::refresh_counts(ShownModels models, std::chrono::milliseconds limit) {
    co_await refresh_counts(models, Clock::now() + limit);
}

/// A few sessions are asked for alone, so that whoever names them does not wait for the thousand of somebody else.
/// Many are asked for together with all others, so that one user cannot have them asked for again and again.
asio::awaitable<void> Sessions::refresh_counts_of(const std::vector<std::string>& ids, ShownModels models) {
    const std::set<std::string> once(ids.begin(), ids.end());
    const auto end = Clock::now() + RemoteLink::answer_limit;
    if (once.size() > asked_for_alone)
        co_await refresh_counts(models, end);
    else if (remote_.connected())
        co_await ask_for_counts({once.begin(), once.end()}, models, end);
}

/// The counts are asked for once for all who want to know, one question of each kind at a time.
asio::awaitable<void> Sessions::refresh_counts(ShownModels models, Clock::time_point end) {
    if (!remote_.connected() || !any_with_token()) co_return;
    const auto young_enough = Clock::now() - counts_are_young_for;
    if (models == ShownModels::all) co_await refresh_counts(ShownModels::first_other, end);
    if (to_ask_for(models).empty()) co_return;
    RefreshOfCounts& refresh = refreshes_[models];
    const auto under_way = [&] { return refresh.now && !refresh.now->has_ended() ? refresh.now : nullptr; };
    if (const auto earlier = under_way())
        if (!co_await earlier->wait(end)) co_return;
    if (refresh.began && *refresh.began >= young_enough) {
        if (const auto of_another = under_way()) co_await of_another->wait(end);
        co_return;
    }
    const auto own = std::make_shared<SharedRun<bool>>(executor_);
    refresh.now = own;
    refresh.began = Clock::now();
    co_await own->run(ask_for_counts(to_ask_for(models), models, end));
}

std::vector<std::string> Sessions::to_ask_for(ShownModels models) const {
    std::vector<std::string> ids;
    for (const auto& [id, live] : live_)
        if (models != ShownModels::all || live->all_models_of != Live::Done(live->counts)) ids.push_back(id);
    return ids;
}

/// False: not all of them came.
asio::awaitable<bool> Sessions::ask_for_counts(std::vector<std::string> asked_for, ShownModels models,
                                               Clock::time_point end) {
    std::map<std::string, std::string> own_ids;  // by those that the sessions have there
    std::vector<std::string> ids;
    for (const std::string& id : asked_for)
        if (const auto found = live_.find(id); found != live_.end() && has_grant(*found->second))
            own_ids.emplace(ids.emplace_back(found->second->remote->id()), id);
    const auto may_be_at_work = [&] {
        for (const auto& [there, id] : own_ids)
            if (const auto found = live_.find(id); found != live_.end()) found->second->used = now_();
    };
    for (std::span<const std::string> left_over = ids; !left_over.empty();) {
        SessionsListParams params;
        params.all = true;
        params.ids = first_of(left_over, remote_.longest_request());
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
            if (found == live_.end()) continue;
            const bool is_its_own = has_grant(*found->second) && found->second->remote->id() == row.id;
            const auto ended = std::move(row.ended);
            take_counts(*found->second, std::move(row), models);
            if (ended && is_its_own)
                this->end(std::string(own_id->second), "the capsuled that has the keys has ended it: " + *ended);
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
    if (models == ShownModels::all) {
        live.counts.models = std::move(row.models);
        live.all_models_of = Live::Done(live.counts);
    } else if (!live.told_of_model) {
        std::ranges::move(row.models, std::back_inserter(live.counts.models));
    }
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

}  // namespace capsule
