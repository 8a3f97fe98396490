// usage: what is left of each subscription. All are asked at once, each at most once a minute.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include "daemon/handlers/handlers.hpp"
#include "daemon/handlers/remote_keys.hpp"
#include "daemon/routing/route.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

/// Whom a request without `provider` is about: those that are known to answer, or were until the operator's
/// base URL led elsewhere, and have a key or may have one.
std::vector<std::string> all_with_a_plan(const Services& services, const Generation& generation) {
    const KeyResolver keys = resolver(services, generation);
    std::vector<std::string> out;
    for (const Provider& provider : generation.config.catalog.providers) {
        if (provider.usage.url.empty() && provider.usage.elsewhere.empty()) continue;
        const KeyState state = keys.find(provider.key_env, KeyScope()).state;
        if (usable(state) || state == KeyState::error) out.push_back(provider.id);
    }
    return out;
}

}  // namespace

Handled<UsageResult> handle_usage(Services& services, Caller caller, UsageParams params) {
    const auto generation = services.generation;
    std::vector<std::string> ids;
    if (params.provider) {
        const auto provider = find_provider(generation->config.catalog, *params.provider);
        if (!provider) co_return provider.error();
        ids.push_back((*provider)->id);
    }
    if (keys_are_remote(*generation)) co_return co_await remote_usage(services, caller.counted_as(), std::move(params));
    if (!params.provider) ids = all_with_a_plan(services, *generation);
    // The first wait is over when the slowest has answered: whoever is asked already is not asked again below.
    const auto executor = co_await asio::this_coro::executor;
    for (std::size_t i = 1; i < ids.size(); ++i)
        asio::co_spawn(executor, ask_usage(services, generation, ids[i]), asio::detached);
    UsageResult result;
    for (const std::string& id : ids) {
        UsageRow row = co_await ask_usage(services, generation, id);
        result.providers.push_back(std::move(row));
    }
    co_return result;
}

}  // namespace capsule
