// What a value means, wherever it was written.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/keys/key_resolver.hpp"

namespace capsule {

/// What a value may refer to.
struct ValueContext {
    const std::map<std::string, Secret>* environment = nullptr;
    const std::function<std::optional<Result<Secret>>(const std::string&)>* remembered = nullptr;
};

/// A key has printable ASCII characters only. `where` names the place in the error; the key itself never shows.
std::optional<Error> key_problem(const Secret& key, std::string_view where);

/// What editors, `echo` and base64 leave behind a key is no part of it.
std::string_view without_white_space_behind(std::string_view text);

/// `key` found at `source`: present, or an error when it cannot be a key.
KeyFinding found_key(Secret key, const std::string& variable, std::string source, std::string scope);

/// A finding that says why the source cannot be used.
KeyFinding unusable(Error error, std::string source, std::string scope);

/// A value of an [env] table: "" ignores, "op://…" is remembered or unresolved, "$NAME" is the daemon's environment,
/// all else is the key itself.
KeyFinding read_value(const EnvValue& entry, const std::string& variable, const std::string& scope,
                      const ValueContext& context);

}  // namespace capsule
