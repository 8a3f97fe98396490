// sessions.list: which sessions live, and what the broker has seen of them.
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "daemon/handlers/handlers.hpp"
#include "protocol/json_struct.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

/// So much is written before others have their turn: a thousand sessions may be megabytes.
constexpr std::size_t piece = 32 * 1024;

static_assert(boost::mp11::mp_size<detail::Members<SessionsListResult>>() == 1, "written below");

}  // namespace

Handled<Written<SessionsListResult>> handle_sessions_list(Services& services, SessionsListParams params) {
    const ShownModels models = params.brief.value_or(false) ? ShownModels::first_other : ShownModels::all;
    if (params.ids)
        co_await services.sessions.refresh_counts_of(*params.ids, models);
    else
        co_await services.sessions.refresh_counts(models);
    const std::vector<ListedSession> listed = services.sessions.listed(params.all.value_or(false), params.ids);
    std::string json = R"({"sessions":[)";
    std::size_t paused_at = 0;
    for (const ListedSession& each : listed) {
        if (json.back() == '}') json += ',';
        write_json(json, services.sessions.row_of(each, models));
        if (json.size() - paused_at < piece) continue;
        paused_at = json.size();
        co_await asio::post(asio::use_awaitable);
    }
    json += "]}";
    co_return Written<SessionsListResult>{std::move(json)};
}

}  // namespace capsule
