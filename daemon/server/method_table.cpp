// Every method that can be called, with its handler; protocol/methods.hpp has its tier.
#include <array>
#include <boost/json/serialize.hpp>

#include "daemon/handlers/handlers.hpp"
#include "daemon/server/dispatcher.hpp"
#include "protocol/json_struct.hpp"
#include "protocol/methods.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

/// A typed handler as the table wants it: params read strictly, the result written as JSON.
template <class Params, class Answer, auto handler>
asio::awaitable<Result<std::string>> typed(Services& services, Caller caller, boost::json::value json) {
    Params params;
    if (auto read = from_json(params, json, "params", Unknown::refuse); !read) co_return read.error();
    Handled<Answer> handled = [&] {
        // Only a handler that logs it is told who calls.
        if constexpr (std::is_invocable_v<decltype(handler), Services&, Caller, Params>)
            return handler(services, caller, std::move(params));
        else
            return handler(services, std::move(params));
    }();
    auto result = co_await std::move(handled);
    if (!result) co_return result.error();
    co_return boost::json::serialize(to_json(*result));
}

struct Row {
    std::string_view method;
    Handler handler;
};

constexpr std::array rows{
    Row{"status", typed<NoParams, StatusResult, handle_status>},
    Row{"providers.list", typed<ProvidersListParams, ProvidersListResult, handle_providers_list>},
    Row{"auth.list", typed<AuthListParams, AuthListResult, handle_auth_list>},
    Row{"rpc.discover", typed<NoParams, boost::json::value, handle_discover>},
    Row{"spawn", typed<SpawnParams, SpawnResult, handle_spawn>},
    Row{"explain", typed<SpawnParams, ExplainResult, handle_explain>},
    Row{"config.write", typed<ConfigWriteParams, ConfigWriteResult, handle_config_write>},
    Row{"auth.set", typed<AuthSetParams, AuthRow, handle_auth_set>},
    Row{"auth.unset", typed<AuthUnsetParams, AuthRow, handle_auth_unset>},
    Row{"reload", typed<NoParams, ConfigStatus, handle_reload>},
};

/// What rpc.discover names is what can be called, in the same order.
constexpr bool agrees_with_protocol() {
    if (rows.size() != methods.size()) return false;
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (rows[i].method != methods[i].name) return false;
    return true;
}
static_assert(agrees_with_protocol());

}  // namespace

Handler find_handler(std::string_view method) {
    for (const Row& row : rows)
        if (row.method == method) return row.handler;
    return nullptr;
}

}  // namespace capsule
