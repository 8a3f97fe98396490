#include "daemon/agents/opencode/whose_block.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>

#include "daemon/agents/quoting.hpp"

namespace capsule {
namespace json = boost::json;
namespace {

const Cell& opencode_cell_of(const Provider& provider) {
    return provider.cell(Agent::opencode);
}

/// `now` where the built-in catalog says nothing.
std::string before_an_operator(const std::string& table, std::string_view key, const std::string& now) {
    const std::string_view quoted = builtin_value(table, key);
    return quoted.size() < 2 ? now : std::string(quoted.substr(1, quoted.size() - 2));
}

bool is_our_reference(const Provider& provider, std::string_view key) {
    const std::string before = before_an_operator("providers." + provider.id, "key_env", provider.key_env);
    return key == "{env:" + provider.key_env + "}" || key == "{env:" + before + "}";
}

bool is_known_key(std::string_view key, const WrittenWith& written) {
    return is_our_reference(written.provider, key) || (written.key != nullptr && written.key->reveal() == key);
}

bool may_be_an_earlier_key(std::string_view key, const WrittenWith& written) {
    return written.keys == OpencodeKeys::in_file && !key.starts_with('{');
}

bool is_our_key(std::string_view key, const WrittenWith& written) {
    return is_known_key(key, written) || may_be_an_earlier_key(key, written);
}

std::string_view key_in(const json::object& block) {
    return block.at("options").as_object().at("apiKey").as_string();
}

bool is_in_our_order(const json::object& block) {
    constexpr std::array<std::string_view, 4> ours{"name", "npm", "options", "models"};
    return std::ranges::equal(block, ours, {}, [](const auto& member) { return std::string_view(member.key()); });
}

json::object with_limit(std::int64_t context, std::int64_t output) {
    return {{"context", context}, {"output", output}};
}

/// As it was before an operator's table changed what is known of the model.
bool is_built_in_limit(const Provider& provider, const std::string& model, const json::value& limit) {
    const std::string table = "providers." + provider.id + ".models." + toml_string(model);
    const json::object* found = limit.if_object();
    const auto says = [&](const char* member, const char* key) {
        const json::value* number = found->if_contains(member);
        return number != nullptr && number->is_int64() &&
               std::to_string(number->get_int64()) == builtin_value(table, key);
    };
    return found != nullptr && found->size() == 2 && says("context", "context_window") && says("output", "max_output");
}

/// Earlier versions wrote less of a model, but nothing else.
bool is_our_model(const std::string& model, const json::object& entry, const WrittenWith& written) {
    const Provider& provider = written.provider;
    if (model != written.model && model != opencode_cell_of(provider).model.value && provider.model(model) == nullptr)
        return false;
    const json::object now = opencode_model_entry(provider, model);
    return std::ranges::all_of(entry, [&](const auto& field) {
        const json::value* same = now.if_contains(field.key());
        return (same != nullptr && *same == field.value()) ||
               (field.key() == "limit" && is_built_in_limit(provider, model, field.value()));
    });
}

}  // namespace

json::object opencode_model_entry(const Provider& provider, const std::string& model) {
    json::object entry{{"name", model}};
    const Model* facts = provider.model(model);
    if (!facts) return entry;
    const OpencodeLimit own = opencode_limit(facts->of(Agent::opencode));
    const std::int64_t context = own.context > 0 ? own.context : facts->context_window;
    const std::int64_t output = own.output > 0 ? own.output : facts->max_output;
    if (context > 0 && output > 0) entry["limit"] = with_limit(context, output);
    if (facts->reasoning) entry["reasoning"] = *facts->reasoning;
    if (facts->input.empty()) return entry;
    json::array input(facts->input.begin(), facts->input.end());
    if (input.size() > 1) entry["attachment"] = true;
    entry["modalities"] = json::object{{"input", std::move(input)}, {"output", json::array{"text"}}};
    return entry;
}

std::vector<OpencodeBlock> opencode_identities(const Provider& provider) {
    const Cell& cell = opencode_cell_of(provider);
    std::vector<OpencodeBlock> all{{provider.id, provider.label, opencode_npm(cell), cell.base_url, {}, {}}};
    if (provider.origin == "catalog") return all;
    const std::string table = "providers." + provider.id;
    const std::string wiring = table + ".opencode";
    OpencodeBlock before{provider.id,
                         before_an_operator(table, "label", provider.label),
                         before_an_operator(wiring, "npm", opencode_npm(cell)),
                         before_an_operator(wiring, "base_url", cell.base_url),
                         {},
                         {}};
    const OpencodeBlock& now = all.front();
    if (before.name != now.name || before.npm != now.npm || before.base_url != now.base_url)
        all.push_back(std::move(before));
    return all;
}

bool is_our_own_block(const json::object& block, const WrittenWith& written) {
    const std::string_view key = key_in(block);
    const auto& [model, entry] = *block.at("models").as_object().begin();
    return is_our_key(key, written) && is_our_model(model, entry.as_object(), written);
}

bool is_ours_by_key(const json::object& block, const WrittenWith& written) {
    const std::string_view key = key_in(block);
    return is_known_key(key, written) ||
           (may_be_an_earlier_key(key, written) && is_in_our_order(block) && is_our_own_block(block, written));
}

}  // namespace capsule
