// What the broker tells of the sessions: what they did, what was refused to them, which model answered; and what is
// shown of it.
#include <algorithm>
#include <set>
#include <string_view>

#include "daemon/log/log.hpp"
#include "daemon/sessions/live.hpp"
#include "daemon/sessions/sessions.hpp"

namespace capsule {

/// What a session did last is told when it has ended already: its requests are cut then, its process has gone.
std::shared_ptr<Sessions::Live> Sessions::live_or_ended(const std::string& id) const {
    if (const auto found = live_.find(id); found != live_.end()) return found->second;
    const auto ended =
        std::find_if(ended_.rbegin(), ended_.rend(), [&](const Ended& each) { return each.session->record.id == id; });
    return ended == ended_.rend() ? nullptr : ended->session;
}

/// What is told of each limit is told while it is the session's, though the next answer takes it back.
void Sessions::learn_limits(Live& live, const std::vector<broker::Verdict>& verdicts, bool is_live) {
    for (const broker::Verdict& verdict : verdicts) {
        if (limits_.learn(live.record.provider, live.key_fingerprint, verdict, now_()))
            log_warning("provider.limit", {{"session", live.record.id},
                                           {"uid", std::int64_t{live.record.uid}},
                                           {"asked_by", std::int64_t{live.record.asker()}},
                                           {"provider", live.record.provider},
                                           {"kind", verdict.limit->kind},
                                           {"message", verdict.limit->message}});
        if (live.counts.limit.learn(verdict, now_()) && is_live)
            sources_.happened("session.limit", live.record, live.counts, std::nullopt);
    }
}

/// Once in a session's life.
void Sessions::tell_of_model(Live& live) {
    if (live.told_of_model) return;
    for (const SessionModel& model : live.counts.models) {
        if (!is_other_model(model)) continue;
        live.told_of_model = true;
        log_warning("session.model_differs", {{"session", live.record.id},
                                              {"uid", std::int64_t{live.record.uid}},
                                              {"asked_by", std::int64_t{live.record.asker()}},
                                              {"provider", live.record.provider},
                                              {"asked", model.asked},
                                              {"answered", model.answered}});
        break;
    }
}

void Sessions::count(const broker::Traffic& traffic) {
    const auto session = live_or_ended(traffic.session);
    if (!session) return;
    Live& live = *session;
    const bool is_live = live_.contains(traffic.session);
    live.counts.add(traffic);
    totals_.add(live.record, traffic);
    live.used = now_();
    live.changed = true;
    learn_limits(live, traffic.verdicts, is_live);
    tell_of_model(live);
    if (is_live) return;
    for (const Ended& each : ended_)
        if (each.session == session) keep_end(each);
}

/// What was under way is cut: nobody will tell its end any more.
void Sessions::broker_has_ended() {
    std::vector<broker::Traffic> cut;
    const auto look = [&](const Live& live) {
        if (live.counts.streams == 0) return;
        broker::Traffic& each = cut.emplace_back();
        each.session = live.record.id;
        each.failed = live.counts.streams;
    };
    for (const auto& [id, live] : live_)
        look(*live);
    for (const Ended& each : ended_)
        look(*each.session);
    for (const broker::Traffic& each : cut)
        count(each);
}

std::optional<SessionLimit> Sessions::limit_of_live(const std::string& provider) const {
    for (const auto& [id, live] : live_)
        if (live->record.provider == provider)
            if (auto limit = limits_.of(provider, live->key_fingerprint, now_())) return limit;
    return std::nullopt;
}

std::vector<ListedSession> Sessions::listed(bool all, const std::optional<std::vector<std::string>>& ids) const {
    std::vector<ListedSession> out;
    const auto add = [&](const std::shared_ptr<Live>& live, const std::optional<std::string>& ended) {
        out.push_back({{live, &live->record}, {live, &live->counts}, ended});
    };
    std::set<std::string_view> left;  // of those that are named
    if (ids) left.insert(ids->begin(), ids->end());
    if (ids)
        std::erase_if(left, [&](std::string_view id) {
            const auto found = live_.find(std::string(id));
            if (found != live_.end()) add(found->second, std::nullopt);
            return found != live_.end();
        });
    else
        for (const auto& [id, live] : live_)
            add(live, std::nullopt);
    const auto then = now_() - ended_are_shown;
    if (all && (!ids || !left.empty()))
        for (const Ended& each : ended_)
            if (each.at > then && (!ids || left.contains(each.session->record.id))) add(each.session, each.reason);
    std::ranges::stable_sort(
        out, {}, [](const ListedSession& each) -> auto& { return each.record->started_at; });
    return out;
}

SessionRow Sessions::row_of(const ListedSession& session, ShownModels models) const {
    return session_row(*session.record, *session.counts, session.ended, now_(), models);
}

std::vector<SessionRow> Sessions::list(bool all, const std::optional<std::vector<std::string>>& ids) const {
    std::vector<SessionRow> out;
    for (const ListedSession& each : listed(all, ids))
        out.push_back(row_of(each));
    return out;
}

Conspicuous Sessions::conspicuous() const {
    Conspicuous out;
    const auto add = [&](Conspicuous::Some& some, const Live& live, std::size_t most) {
        if (some.rows.size() < most)
            some.rows.push_back(session_row(live.record, live.counts, std::nullopt, now_()));
        else
            ++some.more;
    };
    for (const auto& [id, live] : live_) {
        const SessionCounts& counts = live->counts;
        if (live->told_of_model) add(out.other_model, *live, 32);
        if (counts.last && counts.last->status >= 400 && !counts.limit.holds(now_())) add(out.failing, *live, 3);
    }
    for (Conspicuous::Some* each : {&out.other_model, &out.failing})
        std::ranges::stable_sort(each->rows, {}, &SessionRow::started_at);
    return out;
}

std::optional<BrokerStatus> Sessions::broker_status() const {
    if (remote_.started()) return remote_status();
    if (!link_.started() && !finding_port_) return std::nullopt;
    BrokerStatus out;
    out.state = "starting";
    if (link_.state() == BrokerLink::State::running) out.state = "running";
    if (link_.state() == BrokerLink::State::failed || port_is_taken_) out.state = "failed";
    if (port_) out.address = "127.0.0.1:" + std::to_string(*port_);
    for (const auto& [id, live] : live_) {
        if (live->record.brokered()) ++out.sessions;
        out.streams += live->counts.streams;
    }
    const std::string& problem = port_ ? link_.problem() : port_problem_;
    if (!problem.empty()) out.error = problem;
    return out;
}

void Sessions::put_into(MetricsResult& out) const {
    out.cells = totals_.cells();
    out.strangers = totals_.strangers();
    for (const auto& [id, live] : live_) {
        CellMetrics& cell = cell_of(out.cells, live->record);
        ++cell.live;
        cell.streams += live->counts.streams;
    }
}

}  // namespace capsule
