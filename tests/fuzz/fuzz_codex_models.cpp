// The derivation of Codex's model catalog: whatever codex prints, the result is a catalog with our model or an error.
#include <boost/json/parse.hpp>
#include <cstdint>
#include <string>

#include "daemon/agents/codex/models.hpp"
#include "tests/fuzz/require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using capsule::fuzz::require;
    capsule::Model facts;
    facts.context_window = 1000000;
    facts.levels = {"none", "high"};
    const auto own = capsule::read_codex_models({reinterpret_cast<const char*>(data), size});
    if (!own) return 0;
    const std::string derived = capsule::derive_codex_models(*own, {"MiniMax-M3", "MiniMax", facts});
    boost::json::error_code error;
    const boost::json::value catalog = boost::json::parse(derived, error);
    require(!error, "the catalog is JSON");
    const boost::json::array& models = catalog.as_object().at("models").as_array();
    require(models.size() == 1, "one model");
    const boost::json::object& entry = models.front().as_object();
    require(entry.at("slug") == "MiniMax-M3", "our model");
    require(entry.at("context_window") == 1000000, "with its window");
    require(entry.at("use_responses_lite") == false, "on the public Responses API");
    // A list or a flag of that name would be another Codex's: it stays, empty or off.
    const boost::json::value* mode = entry.if_contains("tool_mode");
    require(!mode || *mode == false || *mode == boost::json::array(), "with its tools");
    return 0;
}
