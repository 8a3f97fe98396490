#include "daemon/handlers/status_counters.hpp"

#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace capsule {
namespace {

struct Counter {
    std::string_view member;  ///< as it stands in the text; within a string its quotes would be escaped
    boost::json::value (*now)(const Services&);
};

/// In the order of the text.
constexpr std::array counters{
    Counter{R"("uptime_s":)",
            [](const Services& services) -> boost::json::value {
                return std::chrono::duration<double>(std::chrono::steady_clock::now() - services.started).count();
            }},
    Counter{R"("requests":{"total":)", [](const Services& services) -> boost::json::value { return services.requests; }},
    Counter{R"("errors":)", [](const Services& services) -> boost::json::value { return services.errors; }},
    Counter{R"("remembered":)", [](const Services& services) -> boost::json::value { return services.remembered; }},
    Counter{R"("connections":{"open":)",
            [](const Services& services) -> boost::json::value { return services.open_connections; }},
};

}  // namespace

StatusCounters::StatusCounters(std::string result) : result_(std::move(result)) {
    std::size_t at = 0;
    for (const Counter& counter : counters) {
        const std::size_t begin = result_.find(counter.member, at) + counter.member.size();
        at = result_.find_first_of(",}", begin);
        begins_.push_back(begin);
        ends_.push_back(at);
    }
}

void StatusCounters::write(const Services& services, const std::function<void(std::string_view)>& out) const {
    std::size_t at = 0;
    for (std::size_t i = 0; i < counters.size(); ++i) {
        out(std::string_view(result_).substr(at, begins_[i] - at));
        out(boost::json::serialize(counters[i].now(services)));
        at = ends_[i];
    }
    out(std::string_view(result_).substr(at));
}

}  // namespace capsule
