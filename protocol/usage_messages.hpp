// usage, and what other methods say of plans too: what is left of them, and why a provider refused.
#pragma once

#include <boost/describe/class.hpp>
#include <optional>
#include <string>
#include <vector>

namespace capsule {

/// Why a provider refused a request, as its answer said it.
struct SessionLimit {
    std::string kind;  ///< window, week, plan, model, balance, key, busy
    std::string message;
    std::optional<std::string> resets_at;  ///< RFC 3339, UTC; as the provider writes it where its zone is not known
    std::optional<std::string> model{};    ///< of the kind "model": that was asked for
};
BOOST_DESCRIBE_STRUCT(SessionLimit, (), (kind, message, resets_at, model))

/// A span of time of which a plan allows so much.
struct UsageWindow {
    std::string label;                     ///< 5 hours, week, month, tools
    int used_percent = 0;                  ///< 0 to 100; 100: nothing is left
    std::optional<std::string> resets_at;  ///< RFC 3339, UTC
};
BOOST_DESCRIBE_STRUCT(UsageWindow, (), (label, used_percent, resets_at))

/// What is known of what is left of a plan.
struct ProviderUsage {
    std::optional<std::string> plan;
    std::vector<UsageWindow> windows;  ///< those that have not begun anew since then
    std::string fetched_at;            ///< RFC 3339, UTC
    std::string source;                ///< documented, undocumented: by the provider itself
    std::optional<std::string> error;  ///< why the newest question failed: this is what was known before
};
BOOST_DESCRIBE_STRUCT(ProviderUsage, (), (plan, windows, fetched_at, source, error))

struct UsageParams {
    std::optional<std::string> provider;
};
BOOST_DESCRIBE_STRUCT(UsageParams, (), (provider))

struct UsageRow {
    std::string id;
    std::string label;
    std::optional<std::string> plan;
    std::vector<UsageWindow> windows;  ///< the shortest first
    std::string fetched_at;            ///< RFC 3339, UTC
    std::string source;                ///< documented, undocumented: by the provider itself
    std::optional<std::string> error;  ///< why the newest question failed; `windows`, if any, were known before
};
BOOST_DESCRIBE_STRUCT(UsageRow, (), (id, label, plan, windows, fetched_at, source, error))

struct UsageResult {
    std::vector<UsageRow> providers;
};
BOOST_DESCRIBE_STRUCT(UsageResult, (), (providers))

}  // namespace capsule
