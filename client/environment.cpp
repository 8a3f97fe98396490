#include "client/environment.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <functional>

#include "protocol/utf8.hpp"
#include "protocol/variable_name.hpp"

namespace capsule {
namespace {

/// Operators who let it pass name it in [session] passthrough.
constexpr std::string_view offered_secret = "GH_TOKEN";

std::size_t json_size(const std::string& name, const std::string& value) {
    constexpr std::size_t punctuation = 4;  // "name":…,
    return name.size() + punctuation + boost::json::serialize(boost::json::string_view(value)).size();
}

/// Takes the largest variables out until the rest fits.
void fit(OfferedEnvironment& offered, std::size_t limit) {
    std::vector<std::pair<std::size_t, std::string>> sizes;
    std::size_t total = 0;
    for (const auto& [name, value] : offered.variables) {
        sizes.emplace_back(json_size(name, value), name);
        total += sizes.back().first;
    }
    std::sort(sizes.begin(), sizes.end(), std::greater<>());
    for (const auto& [size, name] : sizes) {
        if (total <= limit) return;
        offered.variables.erase(name);
        offered.left_out.push_back(name);
        total -= size;
    }
}

}  // namespace

OfferedEnvironment offered_environment(const char* const* environment, std::size_t limit) {
    OfferedEnvironment offered;
    for (; environment != nullptr && *environment != nullptr; ++environment) {
        const std::string_view entry(*environment);
        const std::size_t equals = entry.find('=');
        if (equals == std::string_view::npos) continue;
        const std::string name(entry.substr(0, equals));
        const std::string_view value = entry.substr(equals + 1);
        if (!is_variable_name(name) || (names_a_secret(name) && name != offered_secret)) continue;
        if (is_utf8(value))
            offered.variables.emplace(name, value);
        else
            offered.left_out.push_back(name);
    }
    fit(offered, limit);
    return offered;
}

}  // namespace capsule
