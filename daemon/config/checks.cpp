#include "daemon/config/checks.hpp"

#include <algorithm>
#include <array>

#include "daemon/catalog/names.hpp"
#include "daemon/catalog/variables.hpp"
#include "daemon/config/quotable.hpp"
#include "protocol/nearest.hpp"

namespace capsule {
namespace {

constexpr auto of_the_user = std::to_array<std::string_view>({"HOME", "USER", "LOGNAME", "SHELL"});

}  // namespace

void check_model_name(const TableReader& in, std::string_view key, const std::string& model) {
    if (!is_model_name(model)) in.refuse(key, quote(model) + " cannot be a model's name", model_hint);
}

void read_model_name(TableReader& in, std::string_view key, Located<std::string>& model) {
    if (const auto given = in.text(key)) {
        check_model_name(in, key, given->value);
        model = *given;
    }
}

void read_base_url(TableReader& in, std::string& base_url) {
    if (const auto url = in.text("base_url")) {
        // Not shown: a URL with a password in it is one of the things that are wrong.
        if (const auto problem = base_url_problem(url->value)) in.refuse_hidden("base_url", "the URL " + *problem);
        base_url = url->value;
    }
    if (base_url.empty()) in.refuse_table("base_url is missing");
}

std::optional<std::string> why_not_in_env(std::string_view name) {
    const std::string variable = quotable(name);
    if (is_config_location(name)) return variable + " says where an agent's files are: [session] has a setting for it";
    if (is_reserved(name)) return variable + " is reserved: it is set by the route alone, or never";
    if (std::find(of_the_user.begin(), of_the_user.end(), name) != of_the_user.end())
        return variable + " is always the session user's own";
    return std::nullopt;
}

std::optional<std::string> account_name_problem(std::string_view name) {
    // Directories of companies have names like "user@corp.example.com" and "CORP\\domain users".
    if (name.empty()) return "a name is missing";
    if (has_control_character(name)) return "a name has no control characters";
    if (name.find(':') != name.npos) return "a name of the system's has no ':'";
    if (std::string_view("-@*").find(name.front()) != std::string_view::npos)
        return std::string("a name does not begin with '") + name.front() + "'";
    if (name.front() == ' ' || name.back() == ' ') return "a name does not begin or end with a space";
    return std::nullopt;
}

const Provider& check_cell(const TableReader& in, std::string_view key, const Catalog& catalog, Agent agent,
                           const std::string& id) {
    const Provider* provider = catalog.find(id);
    if (!provider) {
        std::string hint = "Known:";
        for (const std::string_view known : catalog.ids())
            hint += " " + std::string(known);
        hint += ".";
        if (const auto near = catalog.meant_by(id)) hint = "Did you mean " + in_quotes(*near) + "?";
        in.refuse(key, "there is no provider " + quote(id), std::move(hint));
    }
    const std::string cell = std::string(facts_of(agent).label) + " on " + provider->label;
    if (provider->kind(agent) == CellKind::unsupported) in.refuse(key, cell + " is not supported", "Remove it.");
    if (provider->kind(agent) == CellKind::blocked)
        in.refuse(key, cell + " is blocked: " + provider->cell(agent).blocked_reason,
                  "Remove it, or turn the cell on with [providers." + id + "." + std::string(id_of(agent)) + "].");
    return *provider;
}

}  // namespace capsule
