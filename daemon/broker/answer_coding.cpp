#include "daemon/broker/answer_coding.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/broker/core/answer_reader.hpp"

namespace capsule::broker {

std::string_view coding_of(const ResponseHead& head) {
    std::string_view out;
    for (const Field& each : head.fields)
        if (same_name(each.name, "content-encoding"))
            for_each_of_list(each.value, [&out](std::string_view coding) {
                if (same_name(coding, "identity") || AnswerReader::compresses(out)) return;
                if (out.empty() || AnswerReader::compresses(coding)) out = coding;
            });
    return out;
}

std::string_view charset_of(std::string_view types) {
    constexpr std::string_view name = "charset";
    constexpr std::array<std::string_view, 16> like_ascii{
        "utf-8",  "utf8",        "utf_8", "us-ascii", "ascii", "iso-8859-", "iso8859-", "iso_8859-",
        "latin1", "windows-125", "cp125", "gb",       "big5",  "euc-",      "koi8-",    "shift_jis"};
    for (std::size_t at = 0; at < types.size(); ++at) {
        if (!same_name(types.substr(at, name.size()), name)) continue;
        std::string_view charset = types.substr(at + name.size());
        // Some servers write blanks around the "=".
        charset.remove_prefix(std::min(charset.find_first_not_of(" \t"), charset.size()));
        if (!charset.starts_with('=')) continue;
        charset.remove_prefix(std::min(charset.find_first_not_of("= \t\"'"), charset.size()));
        charset = charset.substr(0, charset.find_first_of("\"'; ,\t"));
        const auto is_like = [charset](std::string_view one) { return same_name(charset.substr(0, one.size()), one); };
        if (std::ranges::none_of(like_ascii, is_like)) return charset.empty() ? no_charset : charset;
    }
    return {};
}

std::string_view types_of(const ResponseHead& head, std::string& room) {
    std::string_view out;
    for (const Field& each : head.fields)
        if (same_name(each.name, "content-type")) {
            if (!out.empty()) room = std::string(out).append(",").append(each.value);
            out = out.empty() ? each.value : room;
        }
    return out;
}

bool hides_letters(Body body, std::string_view bytes, bool is_begin) {
    bool out = false;
    body.take(bytes, [&](std::string_view part) {
        if (std::exchange(is_begin, false)) out = part.starts_with("\xfe\xff") || part.starts_with("\xff\xfe");
        out = out || part.find('\0') != part.npos;
    });
    return out;
}

}  // namespace capsule::broker
