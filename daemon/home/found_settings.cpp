#include "daemon/home/found_settings.hpp"

#include <string_view>
#include <utility>

#include "protocol/utf8.hpp"

namespace capsule {
namespace {

constexpr std::size_t around_each = 80;  ///< names of members, quotes, commas

/// At least as many bytes as it has in JSON.
std::size_t json_bytes(std::string_view text) {
    std::size_t bytes = text.size();
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20)
            bytes += 5;
        else if (c == '"' || c == '\\')
            bytes += 1;
    }
    return bytes;
}

std::string more(std::size_t count, const char* of) {
    return "and " + std::to_string(count) + " more " + of;
}

}  // namespace

std::string shown_path(const std::string& path) {
    return harmless_text(with_bytes_escaped(path), '?');
}

void FoundSettings::add(FoundSetting setting) {
    Part& part = setting.neutralised_by ? held_ : not_held_;
    const std::size_t bytes = around_each + json_bytes(setting.path) + json_bytes(setting.member) +
                              json_bytes(setting.effect) + json_bytes(setting.neutralised_by.value_or(""));
    if (part.bytes + bytes > most_found_bytes) {
        ++part.left_out;
        return;
    }
    part.bytes += bytes;
    found_.push_back(std::move(setting));
}

void FoundSettings::warn(const std::string& path, Warning warning) {
    Part& part = warned_[warning.code];
    const std::size_t bytes = around_each + json_bytes(warning.message);
    if (part.bytes + bytes > most_warned_bytes) {
        ++part.left_out;
        return;
    }
    part.bytes += bytes;
    warnings_.emplace(path, std::move(warning));
}

std::vector<FoundSetting> FoundSettings::take() {
    if (not_held_.left_out > 0)
        found_.push_back({"…", "", more(not_held_.left_out, "that have their effect, or could not be looked at"), {}});
    if (held_.left_out > 0)
        found_.push_back({"…", "", more(held_.left_out, "that have none"), "what holds those that are listed"});
    return std::move(found_);
}

std::vector<Warning> FoundSettings::take_warnings() {
    std::vector<Warning> all;
    for (auto& [path, warning] : warnings_)
        all.push_back(std::move(warning));
    for (const auto& [code, part] : warned_)
        if (part.left_out > 0)
            all.push_back({code, more(part.left_out, "of the project's files of which the same is to be said")});
    return all;
}

}  // namespace capsule
