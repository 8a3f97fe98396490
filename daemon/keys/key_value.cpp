#include "daemon/keys/key_value.hpp"

#include <algorithm>

#include "daemon/base/reference.hpp"
#include "daemon/config/quotable.hpp"
#include "daemon/keys/key_shape.hpp"

namespace capsule {

namespace {

KeyFinding from_environment_reference(std::string_view name, const EnvValue& entry, const std::string& variable,
                                      const std::string& scope, const ValueContext& context) {
    const auto refuse = [&](std::string_view problem) {
        return unusable({ErrorCode::key_error,
                         variable + " (" + entry.origin + ") refers to " + quotable(name) + ", which is " +
                             std::string(problem) + " in the daemon's environment",
                         "Set " + quotable(name) + " where capsuled is started, or write the key itself there."},
                        entry.origin, scope);
    };
    if (!context.environment) return refuse("not set");
    const auto found = context.environment->find(std::string(name));
    if (found == context.environment->end()) return refuse("not set");
    if (found->second.empty()) return refuse("empty");
    return found_key(found->second, variable, entry.origin, scope);
}

KeyFinding from_op_reference(const EnvValue& entry, const std::string& variable, const std::string& scope,
                             const ValueContext& context) {
    KeyFinding finding{.state = KeyState::unresolved,
                       .reference = std::string(entry.value.reveal()),
                       .source = entry.origin,
                       .scope = scope};
    if (!is_well_formed_op_reference(finding.reference))
        return unusable(
            {ErrorCode::key_error, variable + " (" + entry.origin + ") is no 1Password reference: " + finding.reference,
             "Write op://vault/item/field, as 1Password's \"Copy Secret Reference\" gives it."},
            entry.origin, scope);
    if (!context.remembered || !*context.remembered) return finding;
    std::optional<Result<Secret>> read = (*context.remembered)(finding.reference);
    if (!read) return finding;
    if (!*read) return unusable(read->error(), entry.origin, scope);
    return found_key(std::move(**read), variable, entry.origin, scope);
}

}  // namespace

std::optional<Error> key_problem(const Secret& key, std::string_view where) {
    const auto bad = std::ranges::find_if(key.reveal(), [](char c) { return c <= 0x20 || c >= 0x7f; });
    if (bad == key.reveal().end()) return std::nullopt;
    std::string_view what = "a character that is not ASCII";
    if (*bad == '\0') {
        what = "a NUL byte";
    } else if (*bad == ' ' || *bad == '\t' || *bad == '\n' || *bad == '\r') {
        what = "white space";
    } else if ((*bad > 0 && *bad < 0x20) || *bad == 0x7f) {
        what = "a control character";
    }
    const std::string_view slip = slip_in(key.reveal());
    return Error{ErrorCode::key_error,
                 std::string(where) + (slip.empty() ? "" : " " + std::string(slip) + ", and") + " holds " +
                     std::string(what) + ", which no key has",
                 "Put the key there alone, on one line, with nothing before or after it."};
}

std::string_view without_white_space_behind(std::string_view text) {
    return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
}

KeyFinding unusable(Error error, std::string source, std::string scope) {
    return {
        .state = KeyState::error, .error = std::move(error), .source = std::move(source), .scope = std::move(scope)};
}

KeyFinding found_key(Secret key, const std::string& variable, std::string source, std::string scope) {
    if (std::optional<Error> problem = key_problem(key, variable + " (" + source + ")"))
        return unusable(std::move(*problem), std::move(source), std::move(scope));
    return {
        .state = KeyState::present, .value = std::move(key), .source = std::move(source), .scope = std::move(scope)};
}

KeyFinding read_value(const EnvValue& entry, const std::string& variable, const std::string& scope,
                      const ValueContext& context) {
    const std::string_view text = entry.value.reveal();
    if (text.empty()) return {.state = KeyState::ignored, .source = entry.origin, .scope = scope};
    if (is_op_reference(text)) return from_op_reference(entry, variable, scope, context);
    if (const std::optional<std::string_view> name = environment_reference(text))
        return from_environment_reference(*name, entry, variable, scope, context);
    return found_key(entry.value, variable, entry.origin, scope);
}

}  // namespace capsule
