// Settings and checks that more than one section has.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/config/config.hpp"
#include "daemon/config/toml_reader.hpp"

namespace capsule {

/// No model has a window like that.
inline constexpr std::int64_t largest_tokens = 1'000'000'000;

inline constexpr const char* variable_name_hint = "Use letters, digits and '_', with no digit in front.";
inline constexpr const char* model_hint =
    "A model's name has at most 256 bytes, no white space, control characters, quotes or braces, and no '-' in front.";

inline constexpr const char* scope_name_hint =
    "Use letters, digits, '.', '_' and '-', at most 64, with a letter or digit first.";

/// Refuses what is no model's name at all.
void check_model_name(const TableReader& in, std::string_view key, const std::string& model);

/// Why no table of variables may set `name`: a route, [session] or the session's user does, or nothing may. None if
/// it may. Key variables are the caller's to look at.
std::optional<std::string> why_not_in_env(std::string_view name);

/// Why this is no user's or group's name that the system's files could hold; none: it is one.
std::optional<std::string> account_name_problem(std::string_view name);

/// Reads a model's name; `model` stays as it is when the setting is not there.
void read_model_name(TableReader& in, std::string_view key, Located<std::string>& model);

/// Reads base_url of a cell; refuses a cell that has none.
void read_base_url(TableReader& in, std::string& base_url);

/// The cell's provider; refuses one that is unknown or that the agent cannot run on.
const Provider& check_cell(const TableReader& in, std::string_view key, const Catalog& catalog, Agent agent,
                           const std::string& id);

}  // namespace capsule
