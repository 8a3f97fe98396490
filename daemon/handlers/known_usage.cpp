#include "daemon/handlers/known_usage.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <optional>

#include "daemon/handlers/services.hpp"
#include "protocol/utc_time.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

/// The shortest window is five hours: what is older says nothing any more.
constexpr std::chrono::hours shown_for{5};

UsageRow row_of(const Provider& provider) {
    UsageRow row;
    row.id = provider.id;
    row.label = provider.label;
    row.source = provider.usage.documented ? "documented" : "undocumented";
    row.fetched_at = utc_now();
    return row;
}

UsageRow failed(const Provider& provider, std::string why) {
    UsageRow row = row_of(provider);
    row.error = std::move(why);
    return row;
}

std::string nobody_knows_how(const Provider& provider) {
    if (provider.usage.elsewhere.empty()) return "it is not known how to ask " + provider.label + "; see its own pages";
    return "it is not known how to ask at " + provider.usage.elsewhere +
           ", where base_url leads; set url in [providers." + provider.id + ".usage], or \"\" for not at all";
}

/// Whether the provider would still be asked at that address with that key.
bool is_current(const Services& services, const Provider& asked, const KeyFinding& found) {
    const Generation& generation = *services.generation;
    const Provider* provider = generation.config.catalog.find(asked.id);
    if (provider == nullptr || provider->usage.url != asked.usage.url || provider->usage.shape != asked.usage.shape)
        return false;
    const KeyFinding now = resolver(services, generation).find(provider->key_env, KeyScope());
    return now.state == found.state && now.reference == found.reference && key_name(now.value) == key_name(found.value);
}

/// None: what is configured has changed before it was asked. `found`: where the key was found, perhaps to be read.
asio::awaitable<std::optional<UsageRow>> ask_broker(Services& services, const Provider& provider,
                                                    const KeyFinding& found, const Secret& key) {
    broker::AskUsage question;
    question.url = provider.usage.url;
    question.shape = provider.usage.shape;
    question.key = std::string(key.reveal());
    bool wanted = true;
    std::function<bool()> is_wanted = [&] { return wanted = is_current(services, provider, found); };
    auto answer = co_await services.sessions.ask_usage(std::move(question), std::move(is_wanted));
    if (!wanted) co_return std::nullopt;
    if (!answer) co_return failed(provider, answer.error().message + "; " + answer.error().hint);
    UsageRow row = row_of(provider);
    row.plan = std::move(answer->plan);
    for (broker::PlanWindow& each : answer->windows)
        row.windows.push_back({std::move(each.label), each.used_percent, std::move(each.resets_at)});
    row.error = std::move(answer->error);
    co_return row;
}

/// Its timer is cancelled when the answer is there.
struct Asking {
    Asking(const KnownUsage& usage, std::string provider, std::shared_ptr<asio::steady_timer> timer)
        : all(usage.under_way), id(std::move(provider)), done(std::move(timer)) {
        all->emplace(id, done);
    }
    Asking(const Asking&) = delete;
    Asking& operator=(const Asking&) = delete;
    ~Asking() {
        all->erase(id);
        done->cancel();
    }
    std::shared_ptr<KnownUsage::UnderWay> all;
    std::string id;
    std::shared_ptr<asio::steady_timer> done;
};

}  // namespace

void KnownUsage::learn(const std::string& key, UsageRow row, Clock::time_point now) {
    Known& known = rows_[row.id];
    if (known.key != key) known = {};
    known.key = key;
    known.asked = now;
    if (!row.error) {
        known.good = row;
        known.good_at = now;
    }
    known.newest = std::move(row);
}

std::vector<UsageWindow> KnownUsage::worth_showing(const Known& known, const std::string& utc, Clock::time_point now) {
    std::vector<UsageWindow> out;
    if (!known.good_at || now - *known.good_at >= shown_for) return out;
    std::ranges::copy_if(known.good.windows, std::back_inserter(out),
                         [&](const UsageWindow& each) { return !each.resets_at || *each.resets_at > utc; });
    return out;
}

std::optional<UsageRow> KnownUsage::fresh(const std::string& provider, const std::string& key, const std::string& utc,
                                          Clock::time_point now) const {
    const auto found = rows_.find(provider);
    if (found == rows_.end() || found->second.key != key || now - found->second.asked >= ask_usage_again)
        return std::nullopt;
    const Known& known = found->second;
    auto windows = known.newest.error ? worth_showing(known, utc, now) : std::vector<UsageWindow>();
    if (windows.empty()) return known.newest;
    UsageRow row = known.good;
    row.windows = std::move(windows);
    row.error = known.newest.error;
    return row;
}

std::optional<ProviderUsage> KnownUsage::of(const std::string& provider, const std::string& key, const std::string& utc,
                                            Clock::time_point now) const {
    const auto found = rows_.find(provider);
    if (found == rows_.end() || found->second.key != key) return std::nullopt;
    const Known& known = found->second;
    ProviderUsage out{known.good.plan, worth_showing(known, utc, now), known.good.fetched_at, known.good.source,
                      known.newest.error};
    if (out.windows.empty()) return std::nullopt;
    return out;
}

std::optional<ProviderUsage> known_usage(const Services& services, const Provider& provider, const Secret& key) {
    // Nearly always nothing is known, and no name of a key has to be made.
    if (!services.usage.any(provider.id)) return std::nullopt;
    return services.usage.of(provider.id, key_name(key), utc_now());
}

namespace {

/// None: what is configured has changed before it was asked.
asio::awaitable<std::optional<UsageRow>> ask_once(Services& services, std::shared_ptr<const Generation> generation,
                                                  std::string id) {
    const Provider& provider = *generation->config.catalog.find(id);
    if (provider.usage.url.empty()) co_return failed(provider, nobody_knows_how(provider));
    const KeyResolver keys = resolver(services, *generation);
    const KeyFinding found = keys.find(provider.key_env, KeyScope());
    auto finding = co_await resolve_key(services, generation, keys, provider, provider.key_env, KeyScope());
    if (!finding) co_return failed(provider, finding.error().message + ". " + finding.error().hint);
    const std::string key = key_name(finding->value);
    const auto executor = co_await asio::this_coro::executor;
    while (true) {
        if (auto known = services.usage.fresh(id, key, utc_now())) co_return *std::move(known);
        const auto other = services.usage.under_way->find(id);
        if (other == services.usage.under_way->end()) break;
        const std::shared_ptr<asio::steady_timer> done = other->second;
        boost::system::error_code ignored;
        co_await done->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    const Asking asking(services.usage, id,
                        std::make_shared<asio::steady_timer>(executor, asio::steady_timer::time_point::max()));
    std::optional<UsageRow> row = co_await ask_broker(services, provider, found, finding->value);
    if (!row) co_return std::nullopt;
    services.usage.learn(key, *row);
    if (auto known = services.usage.fresh(id, key, utc_now())) co_return *std::move(known);
    co_return row;
}

}  // namespace

asio::awaitable<UsageRow> ask_usage(Services& services, std::shared_ptr<const Generation> generation, std::string id) {
    constexpr int most = 3;  // a configuration that changes each time is not waited for
    const Provider before = *generation->config.catalog.find(id);
    for (int i = 0; i < most && generation->config.catalog.find(id) != nullptr; ++i) {
        std::optional<UsageRow> row = co_await ask_once(services, generation, id);
        if (row) co_return *std::move(row);
        generation = services.generation;
    }
    co_return failed(before, "the configuration has changed meanwhile; ask again");
}

asio::awaitable<void> ask_usage_for_later(Services& services, std::shared_ptr<const Generation> generation) {
    if (!services.sessions.broker_runs()) co_return;
    const auto executor = co_await asio::this_coro::executor;
    const KeyResolver keys = resolver(services, *generation);
    for (const Provider& provider : generation->config.catalog.providers) {
        if (provider.usage.url.empty() || services.usage.under_way->contains(provider.id)) continue;
        const KeyFinding finding = keys.find(provider.key_env, KeyScope());
        if (finding.state != KeyState::present) continue;
        if (services.usage.fresh(provider.id, key_name(finding.value), utc_now())) continue;
        asio::co_spawn(executor, ask_usage(services, generation, provider.id), asio::detached);
    }
}

}  // namespace capsule
