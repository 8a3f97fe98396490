// config.toml: every byte outside the block is kept, the result is valid, a second edit changes nothing, and taking
// the block out again gives the user's file back.
#include <cstdint>
#include <string>

#include "daemon/agents/codex/own_files.hpp"
#include "daemon/base/toml.hpp"
#include "tests/fuzz/require.hpp"

namespace {

using capsule::fuzz::require;

capsule::TomlBlockIntent intent() {
    capsule::TomlBlockIntent out;
    out.path = "/home/agent/.codex/config.toml";
    out.tables.push_back({"minimax",
                          "[model_providers.minimax]\nname = \"MiniMax\"\nbase_url = \"https://api.minimax.io/v1\"\n"
                          "env_key = \"MINIMAX_API_KEY\"\nwire_api = \"responses\"\n"});
    out.profiles = {"minimax"};
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string before(reinterpret_cast<const char*>(data), size);
    const auto first = capsule::merge_toml_block(before, intent());
    if (!first) return 0;
    require(first->text.has_value(), "a file that was there stays");
    require(toml::parse(*first->text).succeeded(), "the result is valid TOML");
    const auto second = capsule::merge_toml_block(first->text, intent());
    require(second && second->text == first->text, "a second edit changes nothing");
    if (before.find("capsuled") != std::string::npos) return 0;  // it may have had a block of ours
    auto nothing = intent();
    nothing.tables.clear();
    nothing.known = {"minimax"};
    const auto removed = capsule::merge_toml_block(first->text, nothing);
    require(removed && removed->text.value_or("") == before, "without the block the file is the user's again");
    return 0;
}
