#include "daemon/sessions/totals.hpp"

#include <algorithm>

namespace capsule {
namespace {

/// Those whose requests this capsuled's broker sees.
bool is_counted(const SessionRecord& session) {
    return session.brokered() && !session.remote_url;
}

}  // namespace

CellMetrics& cell_of(std::vector<CellMetrics>& cells, const SessionRecord& session) {
    const auto found = std::ranges::find_if(cells, [&](const CellMetrics& cell) {
        return cell.agent == session.agent && cell.provider == session.provider;
    });
    if (found != cells.end()) {
        found->counted = found->counted || is_counted(session);
        return *found;
    }
    CellMetrics& cell = cells.emplace_back();
    cell.counted = is_counted(session);
    cell.agent = session.agent;
    cell.provider = session.provider;
    cell.latency.bounds_s.assign(broker::latency_bounds_s.begin(), broker::latency_bounds_s.end());
    cell.latency.counts.resize(broker::latency_bounds_s.size() + 1);
    return cell;
}

void Totals::started(const SessionRecord& session) {
    ++cell_of(cells_, session).started;
}

void Totals::add(const SessionRecord& session, const broker::Traffic& traffic) {
    CellMetrics& cell = cell_of(cells_, session);
    cell.requests.total += traffic.requests;
    cell.requests.failed += traffic.failed;
    cell.tokens.input += traffic.tokens.input;
    cell.tokens.output += traffic.tokens.output;
    cell.tokens.cached += traffic.tokens.cached;
    cell.bytes_up += traffic.bytes_up;
    cell.bytes_down += traffic.bytes_down;
    const std::size_t known = std::min(traffic.latency.size(), cell.latency.counts.size());
    for (std::size_t i = 0; i < known; ++i)
        cell.latency.counts[i] += traffic.latency[i];
    cell.latency.sum_s += traffic.latency_s;
    for (const auto& [kind, count] : traffic.refusals)
        cell.refusals[kind] += count;
}

void Totals::add(const broker::Strangers& strangers) {
    strangers_[strangers.code] += strangers.count;
}

}  // namespace capsule
