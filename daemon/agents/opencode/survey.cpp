// What OpenCode's configuration could do to a session; OPENCODE_CONFIG_CONTENT holds against most of it.
#include <algorithm>
#include <boost/json/value.hpp>

#include "daemon/agents/opencode/agent.hpp"
#include "daemon/agents/opencode/cell.hpp"
#include "daemon/agents/survey_parts.hpp"
#include "protocol/json_tree.hpp"

namespace capsule {

namespace {

namespace json = boost::json;

constexpr std::string_view pin = "OPENCODE_CONFIG_CONTENT";

bool substitutes(std::string_view text) {
    return text.find("{env:") != std::string_view::npos || text.find("{file:") != std::string_view::npos;
}

const json::object* object_in(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    return value ? value->if_object() : nullptr;
}

std::string_view text_in(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

/// As "provider/model", or as an object.
std::string model_in(const json::object& object, std::string_view name) {
    if (const json::object* parts = object_in(object, name))
        return std::string(text_in(*parts, "providerID")) + "/" + std::string(text_in(*parts, "model"));
    return std::string(text_in(object, name));
}

/// A model of another provider cannot be reached: enabled_providers in the pin names the session's own alone.
void survey_model(Findings& findings, const std::string& member, std::string_view model) {
    if (model.empty()) return;
    const std::string& id = findings.route().provider->id;
    const bool fenced = !model.starts_with(id + "/");
    findings.add(member, fenced ? other_provider : other_model, fenced ? pin : "");
}

void survey_models(Findings& findings, const json::object& file) {
    const bool pinned = findings.route().model.has_value();
    for (const char* name : {"model", "small_model"}) {
        if (!file.contains(name)) continue;
        if (pinned) {
            findings.add(name, other_model, pin);
        } else {
            survey_model(findings, name, model_in(file, name));
        }
    }
    for (const char* kind : {"agent", "agents", "mode", "command", "commands"})
        if (const json::object* entries = object_in(file, kind))
            for (const auto& entry : *entries)
                if (const json::object* one = entry.value().if_object())
                    survey_model(findings, kind + ("." + shown_name(entry.key())) + ".model", model_in(*one, "model"));
}

void survey_model_entry(Findings& findings, const std::string& member, const json::object& model, bool pinned) {
    if (model.contains("id")) findings.add(member + ".id", other_model, pinned ? pin : "");
    // Another model's SDK may have an option of its own for where the key goes, and any subagent may ask for that
    // model.
    if (model.contains("provider"))
        findings.add(member + ".provider", findings.project() && !pinned ? sends_out : other_address,
                     pinned ? pin : "");
    for (const char* name : {"headers", "options"})
        if (model.contains(name)) findings.add(member + "." + name, adds_to_requests, "");
}

/// Whether a provider block has the pin's SDK and address. Such a block redirects nothing.
bool agrees(const Findings& findings, const json::object& provider) {
    const Cell& own = findings.route().cell();
    const json::object* options = object_in(provider, "options");
    return text_in(provider, "npm") == opencode_npm(own) && options && text_in(*options, "baseURL") == own.base_url;
}

void survey_provider(Findings& findings, const json::object& provider, const std::string& member) {
    const json::object* options = object_in(provider, "options");
    if (!agrees(findings, provider)) {
        for (const char* name : {"npm", "api"})
            if (provider.contains(name)) findings.add(member + "." + name, other_address, pin);
        if (options && options->contains("baseURL")) findings.add(member + ".options.baseURL", other_address, pin);
        if (options && options->contains("apiKey")) findings.add(member + ".options.apiKey", other_key, pin);
    }
    if (options && options->contains("headers")) findings.add(member + ".options.headers", adds_to_requests, pin);
    const json::object* models = object_in(provider, "models");
    if (!models) return;
    for (const auto& model : *models)
        if (const json::object* entry = model.value().if_object())
            survey_model_entry(findings, member + ".models." + shown_name(model.key()), *entry,
                               findings.route().model && findings.route().model->value == model.key());
}

bool is_switched_off(const json::value& program) {
    const json::object* settings = program.if_object();
    const json::value* off = settings ? settings->if_contains("disabled") : nullptr;
    return off && off->is_bool() && off->get_bool();
}

void survey_servers(Findings& findings, const std::string& prefix, const json::object& servers) {
    for (const auto& server : servers) {
        const json::object* more = server.key() == "servers" && prefix == "mcp." ? server.value().if_object() : nullptr;
        if (more)
            survey_servers(findings, "mcp.servers.", *more);
        else
            findings.add_of_project(prefix + shown_name(server.key()), names_server);
    }
}

void survey_what_runs(Findings& findings, const json::object& file) {
    for (const char* name : {"plugin", "plugins"})
        if (file.contains(name)) findings.add_unheld_of_project(name, runs_code);
    if (file.contains("shell")) findings.add_of_project("shell", runs_code);
    for (const char* kind : {"lsp", "formatter"})
        if (const json::object* programs = object_in(file, kind))
            for (const auto& program : *programs)
                if (!is_switched_off(program.value()))
                    findings.add_of_project(kind + ("." + shown_name(program.key())), runs_code);
    if (const json::object* servers = object_in(file, "mcp")) survey_servers(findings, "mcp.", *servers);
}

/// A text with {env:NAME} or {file:PATH}, which OpenCode replaces before anything else.
bool has_substitution(const json::value& value) {
    if (const json::string* text = value.if_string()) return substitutes(*text);
    if (const json::array* elements = value.if_array()) return std::ranges::any_of(*elements, has_substitution);
    if (const json::object* members = value.if_object())
        return std::ranges::any_of(
            *members, [](const auto& member) { return substitutes(member.key()) || has_substitution(member.value()); });
    return false;
}

bool has_name_with_substitution(const json::value& value);

bool is_named_by_substitution(const json::key_value_pair& member) {
    return substitutes(member.key()) || has_name_with_substitution(member.value());
}

bool has_name_with_substitution(const json::value& value) {
    if (const json::array* elements = value.if_array())
        return std::ranges::any_of(*elements, has_name_with_substitution);
    const json::object* members = value.if_object();
    return members && std::ranges::any_of(*members, is_named_by_substitution);
}

/// Whether a substitution may change more than one value. A variable that is not there makes "share" of
/// "sh{env:NONE}are" and the end of a comment of "*{env:NONE}/"; the name of another may go on beyond a string's end.
bool changes_more_than_values(std::string_view text, const json::object& file) {
    const std::string bare = without_comments(text);
    for (std::size_t at = text.find('{'); at != text.npos; at = text.find('{', at + 1)) {
        if (!text.substr(at).starts_with("{env:") && !text.substr(at).starts_with("{file:")) continue;
        const std::size_t end = text.find_first_of("{}\"\\\r\n", at + 1);
        const std::size_t before = text.substr(0, at).find_last_of("{}\"");
        const bool in_comment = bare[at] != '{';
        const bool is_whole = end != text.npos && text[end] == '}';
        const bool makes_another = before != text.npos && text[before] == '{';  // "{fi{env:NONE}le:"
        if (in_comment || !is_whole || makes_another) return true;
    }
    return std::ranges::any_of(file, is_named_by_substitution);
}

bool names_address(const json::value& value) {
    if (const json::string* text = value.if_string())
        return std::string_view(*text).find("://") != std::string_view::npos;
    const json::array* elements = value.if_array();
    return elements && std::ranges::any_of(*elements, names_address);
}

/// What OpenCode fetches or posts by itself, before a model says anything.
void survey_what_is_sent(Findings& findings, const json::object& file) {
    for (const char* name : {"share", "autoshare", "enterprise", "skills"})
        if (file.contains(name)) findings.add_of_project(name, sends_out);
    for (const char* name : {"reference", "references"})
        if (file.contains(name)) findings.add_unheld_of_project(name, sends_out);
    const json::value* instructions = file.if_contains("instructions");
    if (!instructions) return;
    if (has_substitution(*instructions)) {
        findings.add_of_project("instructions", sends_out);
    } else if (names_address(*instructions)) {
        findings.add_of_project("instructions", reads_address);
    }
}

void survey_config(Findings& findings, const json::object& file) {
    survey_models(findings, file);
    for (const char* name : {"enabled_providers", "disabled_providers"})
        if (file.contains(name)) findings.add(name, other_provider, pin);
    const std::string& id = findings.route().provider->id;
    if (const json::object* providers = object_in(file, "provider"))
        if (const json::object* own = object_in(*providers, id)) survey_provider(findings, *own, "provider." + id);
    survey_what_is_sent(findings, file);
    survey_what_runs(findings, file);
}

/// tui.json. Its members may stand in a member `tui`, too.
void survey_tui(Findings& findings, const json::object& file) {
    if (file.contains("plugin")) findings.add_of_project("plugin", runs_code);
    if (const json::object* tui = object_in(file, "tui"); tui && tui->contains("plugin"))
        findings.add_of_project("tui.plugin", runs_code);
}

}  // namespace

bool may_send_out(const std::vector<FoundSetting>& settings) {
    if (settings.size() >= max_findings) return true;
    return std::ranges::any_of(settings, [](const FoundSetting& setting) {
        return (setting.effect == sends_out || setting.effect == read_otherwise) && !setting.neutralised_by;
    });
}

void survey_opencode(Findings& findings, std::string_view text) {
    if (findings.place().format == SettingsFormat::plugin) {
        const std::string& path = findings.place().path;
        const bool is_tool = path.ends_with("/tool") || path.ends_with("/tools");
        return is_tool ? findings.add_of_project("plugin", runs_code)
                       : findings.add_unheld_of_project("plugin", runs_code);
    }
    if (findings.place().format == SettingsFormat::agent_definition)
        return survey_model(findings, "model", head_value(text, "model"));
    const bool is_tui = findings.place().format == SettingsFormat::opencode_tui;
    const bool is_config = findings.place().format == SettingsFormat::opencode_config || is_tui;
    const auto file = read_settings_json(text);
    if (!file) {
        // OpenCode's parser takes more than this one, and what it replaces first may make a text JSON. An empty file is
        // none to it.
        const bool is_empty = text.find_first_not_of(" \t\r\n") == text.npos;
        if (is_config && !is_empty && file.error().code == ErrorCode::parse_error)
            findings.add_of_project("(no JSON)", read_otherwise);
        return findings.not_read(file.error());
    }
    if (is_config && changes_more_than_values(text, *file))
        findings.add_of_project("{env:} or {file:}", read_otherwise);
    if (is_tui) return survey_tui(findings, *file);
    if (is_config) return survey_config(findings, *file);
    const std::string& id = findings.route().provider->id;
    if (file->contains(id) && findings.has_variable(findings.route().provider->key_env))
        findings.add(id, other_key, pin);
}

std::vector<SettingsPlace> opencode_settings_places(const SessionHome& home,
                                                    const std::vector<std::string>& directories) {
    constexpr std::size_t in_a_directory = 16, elsewhere = 12;
    std::vector<SettingsPlace> places;
    places.reserve(directories.size() * in_a_directory + elsewhere);
    for (const char* name : {".opencode/opencode.json", ".opencode/opencode.jsonc", "opencode.json", "opencode.jsonc"})
        add_project(places, directories, name, SettingsFormat::opencode_config);
    for (const char* name : {".opencode/tui.json", ".opencode/tui.jsonc", "tui.json", "tui.jsonc"})
        add_project(places, directories, name, SettingsFormat::opencode_tui);
    for (const char* name : {".opencode/agent", ".opencode/agents", ".opencode/mode", ".opencode/modes"})
        add_project(places, directories, name, SettingsFormat::agent_definition, true);
    for (const char* name : {".opencode/plugin", ".opencode/plugins", ".opencode/tool", ".opencode/tools"})
        add_project(places, directories, name, SettingsFormat::plugin, true);
    std::erase_if(places, [&](const SettingsPlace& place) {
        return place.directory && place.path.starts_with(home.home + "/.opencode/");  // the home's own
    });
    const std::string own = home.xdg_config_home.value_or(home.home + "/.config") + "/opencode/";
    for (const std::string& path : {own + "config.json", own + "opencode.json", own + "opencode.jsonc",
                                    home.home + "/.opencode/opencode.json", home.home + "/.opencode/opencode.jsonc"})
        places.push_back({path, SettingsOwner::home, SettingsFormat::opencode_config});
    for (const std::string& path :
         {own + "tui.json", own + "tui.jsonc", home.home + "/.opencode/tui.json", home.home + "/.opencode/tui.jsonc"})
        places.push_back({path, SettingsOwner::home, SettingsFormat::opencode_tui});
    places.push_back(
        {home.home + "/.local/share/opencode/auth.json", SettingsOwner::home, SettingsFormat::opencode_auth});
    for (const char* name : {"/etc/opencode/opencode.json", "/etc/opencode/opencode.jsonc"})
        places.push_back({name, SettingsOwner::machine, SettingsFormat::opencode_config});
    return places;
}

}  // namespace capsule
