// What an answer is by its head.
#include <algorithm>
#include <array>

#include "daemon/broker/core/answer_reader.hpp"
#include "daemon/broker/core/http_head.hpp"

namespace capsule::broker {
namespace {

constexpr std::string_view json_word = "json";

/// A subtype with that word is JSON, or lines of it: +json, x-json, ndjson, json-seq, jsonl.
bool is_json(std::string_view type) {
    const std::size_t slash = type.find('/');
    if (slash == type.npos) return false;
    const std::string_view subtype = type.substr(slash + 1);
    for (std::size_t at = 0; at + json_word.size() <= subtype.size(); ++at)
        if (same_name(subtype.substr(at, json_word.size()), json_word)) return true;
    return false;
}

}  // namespace

bool AnswerReader::compresses(std::string_view coding) noexcept {
    constexpr std::array<std::string_view, 16> names{
        "gzip",   "x-gzip", "deflate", "x-deflate", "compress", "x-compress", "br", "zstd",
        "x-zstd", "dcb",    "dcz",     "bzip2",     "x-bzip2",  "lzma",       "xz", "lz4"};
    coding = coding.substr(0, coding.find_first_of("; \t"));
    return std::ranges::any_of(names, [&](std::string_view name) { return same_name(coding, name); });
}

AnswerReader::Format AnswerReader::format_of(std::string_view content_type,
                                             std::string_view content_encoding) noexcept {
    if (compresses(content_encoding)) return Format::other;
    std::size_t types = 0;
    bool json = false, events = false;
    for_each_of_list(content_type, [&](std::string_view each) {
        std::string_view type = each.substr(0, each.find(';'));
        type = type.substr(0, type.find_first_of(" \t"));
        ++types;
        events = events || same_name(type, "text/event-stream");
        json = json || is_json(type);
    });
    if (events) return Format::events;
    if (json) return Format::json;
    return types == 1 ? Format::other : Format::unknown;
}

}  // namespace capsule::broker
