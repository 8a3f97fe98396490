// What providers, models, workspaces and the like may be called, and which addresses a provider may have. One set of
// rules for the built-in catalog, capsule.toml and requests.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace capsule {

/// [a-z][a-z0-9-]{0,31}
bool is_provider_id(std::string_view id);

/// A workspace or a role: [A-Za-z0-9][A-Za-z0-9._-]{0,63}
bool is_scope_name(std::string_view name);

/// Names files in Codex's directory: [A-Za-z0-9][A-Za-z0-9_-]{0,63}. No dot: "a.b.models.json" would be both profile
/// "a.b" and profile "a" with model "b".
bool is_profile_name(std::string_view name);

/// An npm package, "name" or "@scope/name": no version, path or URL, from which OpenCode would load any code.
bool is_npm_package(std::string_view name);

/// Whether a model may be named so: at most 256 bytes, since it is kept, logged and passed on; not empty, no white
/// space, no control characters; nor a '-' in front (the agents would take it for an option), nor quotes, backslashes
/// and braces (OpenCode replaces {env:…} and {file:…} wherever they stand).
bool is_model_name(std::string_view model);

/// Text that is shown to people on one line: not empty, no control characters, no braces (see is_model_name).
bool is_label(std::string_view text);

/// Why `url` cannot be a provider's base URL; none if it can: https (http to this machine alone), a host, perhaps a
/// port and a path; no user, query, fragment or final '/'.
std::optional<std::string> base_url_problem(std::string_view url);

/// Whether `text` has a control character (of Unicode too) or is no UTF-8.
bool has_control_character(std::string_view text);

/// Whether `text` has white space (of Unicode too).
bool has_white_space(std::string_view text);

/// `text` in double quotes for an error message: control characters as "\x1b", over-long text cut.
std::string in_quotes(std::string_view text);

}  // namespace capsule
