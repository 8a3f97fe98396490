// What is known of what is left of each provider's plan, and how it is found out.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "daemon/base/boot_clock.hpp"
#include "daemon/base/secret.hpp"
#include "daemon/catalog/catalog.hpp"
#include "protocol/usage_messages.hpp"

namespace capsule {

struct Generation;
struct Services;

/// No provider is asked again within this time about the same key.
inline constexpr std::chrono::minutes ask_usage_again{1};

/// By provider. Each has one key at a time: that of no workspace.
class KnownUsage {
  public:
    using Clock = BootClock;

    void learn(const std::string& key, UsageRow row, Clock::time_point now = Clock::now());
    /// What is known of that key, if it was asked for within ask_usage_again. Where that question failed, the last good
    /// answer, as far as it is worth showing, with its own time and the newest error. `utc` is now, as RFC 3339.
    std::optional<UsageRow> fresh(const std::string& provider, const std::string& key, const std::string& utc,
                                  Clock::time_point now = Clock::now()) const;
    bool any(const std::string& provider) const { return rows_.contains(provider); }
    /// What is still worth showing of that key: windows that have not begun anew since, within some hours.
    std::optional<ProviderUsage> of(const std::string& provider, const std::string& key, const std::string& utc,
                                    Clock::time_point now = Clock::now()) const;

    /// Whoever asks while somebody else has asked waits for the same answer. At the daemon's end those who wait outlive
    /// the rest.
    using UnderWay = std::map<std::string, std::shared_ptr<boost::asio::steady_timer>>;
    const std::shared_ptr<UnderWay> under_way = std::make_shared<UnderWay>();

  private:
    struct Known {
        std::string key;
        UsageRow good;  ///< the last answer without an error
        std::optional<Clock::time_point> good_at{};
        UsageRow newest;
        Clock::time_point asked;
    };
    static std::vector<UsageWindow> worth_showing(const Known& known, const std::string& utc, Clock::time_point now);
    std::map<std::string, Known> rows_;
};

/// What is known about this key; never waits.
std::optional<ProviderUsage> known_usage(const Services& services, const Provider& provider, const Secret& key);

/// The row of `usage`: asked for by capsule-broker, or the last answer where that is young enough. Waits, for the
/// password manager too. What fails is the row's `error`.
boost::asio::awaitable<UsageRow> ask_usage(Services& services, std::shared_ptr<const Generation> generation,
                                           std::string provider);

/// Lets those be asked whose answer is old, without waiting for it; nothing where no broker runs.
boost::asio::awaitable<void> ask_usage_for_later(Services& services, std::shared_ptr<const Generation> generation);

}  // namespace capsule
