#include "daemon/keys/key_shape.hpp"

#include <algorithm>
#include <array>

#include "daemon/base/reference.hpp"
#include "protocol/variable_name.hpp"

namespace capsule {

namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool contains(std::string_view text, std::string_view part) {
    return std::ranges::search(text, part, {}, lower).begin() != text.end();
}

/// "NAME=key", "api-key:key".
bool has_name(std::string_view key) {
    const std::size_t end = key.find_first_of("=:");
    // A key in base64 may end in '='.
    if (end == key.npos || end + 1 >= key.size() || key[end + 1] == '=') return false;
    const std::string_view name = key.substr(0, end);
    constexpr std::array<std::string_view, 8> words{"key",   "apikey", "api-key",       "x-api-key",
                                                    "token", "secret", "authorization", "password"};
    const auto is_name = [&](std::string_view word) { return std::ranges::equal(word, name, {}, {}, lower); };
    if (std::ranges::any_of(words, is_name)) return true;
    return key[end] == '=' && is_variable_name(name) && name.find('_') != name.npos;
}

/// "<your key>", "YOUR_API_KEY", "xxxxxxxx", "sk-..."
bool is_placeholder(std::string_view key) {
    if (key.starts_with('<') || key.ends_with('>') || key.ends_with("...")) return true;
    if (contains(key, "your") && (contains(key, "key") || contains(key, "token"))) return true;
    return key.size() > 1 && std::ranges::all_of(key, [&](char c) { return c == key.front(); });
}

/// How the keys of a well-known place begin.
struct KnownPrefix {
    std::string_view prefix, article, owner;
};
constexpr std::array<KnownPrefix, 10> known_prefixes{{{"sk-ant-", "an", "Anthropic"},
                                                      {"sk-proj-", "an", "OpenAI"},
                                                      {"sk-cp-", "a", "MiniMax"},
                                                      {"sk-kimi-", "a", "Kimi"},
                                                      {"sk-or-", "an", "OpenRouter"},
                                                      {"xai-", "an", "xAI"},
                                                      {"gsk_", "a", "Groq"},
                                                      {"AIza", "a", "Google"},
                                                      {"ghp_", "a", "GitHub"},
                                                      {"github_pat_", "a", "GitHub"}}};

/// "an Anthropic key" in the place of this provider's; empty: nobody can tell. Where an operator's table says where the
/// provider is, any key may be right.
std::string whose_instead(const Provider& provider, std::string_view key) {
    if (provider.origin != "catalog") return "";
    for (const KnownPrefix& known : known_prefixes)
        if (key.starts_with(known.prefix) && known.owner != provider.label)
            return std::string(known.article) + " " + std::string(known.owner) + " key";
    return "";
}

}  // namespace

std::string_view slip_in(std::string_view key) {
    constexpr std::string_view quotes = "\"'`";
    if (key.empty()) return "";
    if (key.starts_with('{') || key.starts_with('[')) return "is JSON or a template, and no key";
    if (quotes.find(key.front()) != quotes.npos || quotes.find(key.back()) != quotes.npos)
        return "has quotes around it";
    if (key.size() > 6 && contains(key.substr(0, 6), "bearer") && (key[6] == ' ' || key[6] == ':'))
        return "begins with \"Bearer\"";
    if (key.starts_with("export ")) return "begins with \"export\"";
    if (is_op_reference(key)) return "is a 1Password reference, which counts in capsule.toml and auth set --op alone";
    if (environment_reference(key)) return "is the name of a variable, which nothing has replaced by its value";
    if (has_name(key)) return "has a name before it";
    if (is_placeholder(key)) return "is a placeholder, and no key";
    if (key.ends_with(',') || key.ends_with(';')) return "has a comma or semicolon behind it";
    return "";
}

std::optional<Warning> key_shape_warning(const Provider& provider, const Secret& key) {
    if (const std::string_view slip = slip_in(key.reveal()); !slip.empty())
        return Warning{"key.shape", "The key of " + provider.label + " " + std::string(slip) +
                                        ". It is sent as it stands. Correct it there, or run capsulectl auth set " +
                                        provider.id + " with the key only."};
    const std::string instead = whose_instead(provider, key.reveal());
    const bool begins_wrongly = !provider.key_prefix.empty() && !key.reveal().starts_with(provider.key_prefix);
    if (!begins_wrongly && instead.empty()) return std::nullopt;
    std::string message = "This does not look like a " + provider.label + " key";
    if (begins_wrongly) message += ", which begins with " + provider.key_prefix;
    if (!instead.empty()) message += ", but like " + instead;
    message += "; it is used all the same.";
    if (!provider.key_url.empty()) message += " Keys are at " + provider.key_url + ".";
    return Warning{"key.shape", std::move(message)};
}

}  // namespace capsule
