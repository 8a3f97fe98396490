// What is left of a plan, out of whatever a provider answers.
#include <cstdint>
#include <string>

#include "daemon/broker/core/plan_usage_reader.hpp"
#include "protocol/utc_time.hpp"
#include "tests/fuzz/require.hpp"

using namespace capsule::broker;
using capsule::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    for (const UsageShape shape : {UsageShape::zai, UsageShape::minimax, UsageShape::kimi}) {
        const UsageAnswer seen = read_usage(shape, 200, input);
        require(seen.error.has_value() == seen.windows.empty(), "windows, or why there are none");
        for (std::size_t i = 0; i < seen.windows.size(); ++i) {
            const PlanWindow& each = seen.windows[i];
            require(each.used_percent >= 0 && each.used_percent <= 100, "a percentage");
            require(!each.resets_at || capsule::utc_of_text(*each.resets_at) == each.resets_at,
                    "a time that reads as itself");
            for (std::size_t other = 0; other < i; ++other)
                require(seen.windows[other].label != each.label, "one of each label");
        }
        require(!seen.plan || seen.plan->size() <= 32, "a short name");
    }
    capsule::utc_of_text(input);
    return 0;
}
