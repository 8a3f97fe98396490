#include "daemon/sessions/session.hpp"

#include <algorithm>

#include "protocol/model_name.hpp"

namespace capsule {
namespace {

/// So many pairs of models are counted one by one; an agent may name any number of them.
constexpr std::size_t most_models = 32;
/// And so many bytes of their names: everybody's sessions.list has the models of one user's thousand sessions. The
/// names of a catalog's models have some 25 bytes, so that 20 pairs of these are counted.
constexpr std::size_t most_bytes_of_models = 1024;

std::size_t bytes_of(const std::vector<SessionModel>& models) {
    std::size_t bytes = 0;
    for (const SessionModel& each : models)
        bytes += each.asked.size() + each.answered.size();
    return bytes;
}

}  // namespace

SessionCounts::SessionCounts(KeptCounts kept, BootClock::time_point now)
    : requests(kept.requests),
      tokens(kept.tokens),
      models(std::move(kept.models)),
      last(std::move(kept.last)),
      active_at(std::move(kept.active_at)) {
    requests.failed += kept.streams;
    const BootClock::time_point since(std::chrono::seconds(kept.limited_s.value_or(0)));
    limit.set(std::move(kept.limit), std::min(since, now), now);
}

KeptCounts SessionCounts::kept(BootClock::time_point now) const {
    KeptCounts out{requests, tokens, models, last, limit.at(now), {}, streams, active_at};
    if (out.limit) out.limited_s = BootClock::seconds_of(limit.since(now));
    return out;
}

void SessionCounts::add(const broker::Traffic& traffic, UtcTime wall) {
    active_at = utc_text(wall);
    requests.total += traffic.requests;
    requests.failed += traffic.failed;
    tokens.input += traffic.tokens.input;
    tokens.output += traffic.tokens.output;
    tokens.cached += traffic.tokens.cached;
    for (const broker::ModelCount& each : traffic.models) {
        const auto found = std::ranges::find_if(models, [&](const SessionModel& known) {
            return known.asked == each.asked && known.answered == each.answered;
        });
        if (found != models.end())
            found->count += each.count;
        else if (models.size() < most_models &&
                 bytes_of(models) + each.asked.size() + each.answered.size() <= most_bytes_of_models)
            models.push_back({each.asked, each.answered, each.count});
    }
    streams = traffic.streams;
    if (traffic.last) last = SessionAnswer{traffic.last->at, traffic.last->status, traffic.last->message};
}

bool is_other_model(const SessionModel& model) {
    return !model.answered.empty() && !model.asked.empty() && !same_model(model.asked, model.answered);
}

bool has_other_model(const SessionCounts& counts) {
    return std::ranges::any_of(counts.models, is_other_model);
}

SessionRow session_row(const SessionRecord& record, const SessionCounts& counts,
                       const std::optional<std::string>& ended, BootClock::time_point now, ShownModels models) {
    SessionRow row;
    row.id = record.id;
    row.agent = record.agent;
    row.provider = record.provider;
    row.label = record.label;
    row.model = record.model;
    row.user = record.user;
    row.keys = record.keys;
    row.ends_with = record.ends_with;
    row.started_at = record.started_at;
    if (record.ends_with == ends_with::caller) row.pid = record.pid;
    row.state = ended ? "ended" : "live";
    row.ended = ended;
    row.because = record.because;
    if (!record.base_url.empty()) row.base_url = record.base_url;
    row.key_source = record.key_source;
    row.workspace = record.workspace;
    row.role = record.role;
    row.settings = record.settings;
    row.requests = counts.requests;
    row.streams = counts.streams;
    row.active_at = counts.active_at;
    row.tokens = counts.tokens;
    if (models == ShownModels::all) {
        row.models = counts.models;
    } else if (const auto other = std::ranges::find_if(counts.models, is_other_model); other != counts.models.end()) {
        row.models = {*other};
    }
    row.last = counts.last;
    row.limit = counts.limit.at(now);
    return row;
}

}  // namespace capsule
