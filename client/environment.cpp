#include "client/environment.hpp"

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <cctype>

namespace capsule {
namespace {

bool is_variable_name(std::string_view name) {
    const auto is_letter = [](char c) { return c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
    const auto is_part = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); };
    return !name.empty() && is_letter(name.front()) && std::all_of(name.begin(), name.end(), is_part);
}

/// How many bytes a sequence that begins with `lead` has; 0: none begins so.
std::size_t utf8_length(unsigned char lead) {
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return 2;
    if (lead >= 0xE0 && lead <= 0xEF) return 3;
    if (lead >= 0xF0 && lead <= 0xF4) return 4;
    return 0;
}

/// As RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto byte = [&](std::size_t offset) { return static_cast<unsigned char>(text[at + offset]); };
        const std::size_t length = utf8_length(byte(0));
        if (length == 0 || at + length > text.size()) return false;
        for (std::size_t i = 1; i < length; ++i)
            if ((byte(i) & 0xC0) != 0x80) return false;
        if (byte(0) == 0xE0 && byte(1) < 0xA0) return false;
        if (byte(0) == 0xED && byte(1) > 0x9F) return false;
        if (byte(0) == 0xF0 && byte(1) < 0x90) return false;
        if (byte(0) == 0xF4 && byte(1) > 0x8F) return false;
        at += length;
    }
    return true;
}

std::size_t json_size(const std::string& name, const std::string& value) {
    constexpr std::size_t punctuation = 4;  // "name":…,
    return name.size() + punctuation + boost::json::serialize(boost::json::string_view(value)).size();
}

/// Takes the largest variables out until the rest fits.
void fit(OfferedEnvironment& offered, std::size_t limit) {
    std::vector<std::pair<std::size_t, std::string>> sizes;
    std::size_t total = 0;
    for (const auto& [name, value] : offered.variables) {
        sizes.emplace_back(json_size(name, value), name);
        total += sizes.back().first;
    }
    std::sort(sizes.begin(), sizes.end(), std::greater<>());
    for (const auto& [size, name] : sizes) {
        if (total <= limit) return;
        offered.variables.erase(name);
        offered.left_out.push_back(name);
        total -= size;
    }
}

}  // namespace

bool looks_like_key(std::string_view name) noexcept {
    if (name == "GH_TOKEN") return false;
    std::string upper(name);
    for (char& c : upper)
        c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    constexpr std::array<std::string_view, 3> endings{"KEY", "TOKEN", "_PASS"};
    constexpr std::array<std::string_view, 7> parts{"_KEY_",    "_TOKEN_",    "APIKEY",    "SECRET",
                                                    "PASSWORD", "PASSPHRASE", "CREDENTIAL"};
    return std::any_of(endings.begin(), endings.end(), [&](auto end) { return upper.ends_with(end); }) ||
           std::any_of(parts.begin(), parts.end(), [&](auto part) { return upper.find(part) != std::string::npos; });
}

OfferedEnvironment offered_environment(const char* const* environment, std::size_t limit) {
    OfferedEnvironment offered;
    for (; environment != nullptr && *environment != nullptr; ++environment) {
        const std::string_view entry(*environment);
        const std::size_t equals = entry.find('=');
        if (equals == std::string_view::npos) continue;
        const std::string name(entry.substr(0, equals));
        const std::string_view value = entry.substr(equals + 1);
        if (!is_variable_name(name) || looks_like_key(name)) continue;
        if (is_utf8(value))
            offered.variables.emplace(name, value);
        else
            offered.left_out.push_back(name);
    }
    fit(offered, limit);
    return offered;
}

}  // namespace capsule
