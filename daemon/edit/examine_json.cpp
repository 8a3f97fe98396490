#include "daemon/edit/examine_json.hpp"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>

namespace capsule {
namespace json = boost::json;
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr std::size_t max_depth = 256;  // of the users' files, where Boost's 32 is too few

/// Each takes ten times its bytes in a JsonContainer, and a user's file may have no end of them.
constexpr std::size_t most_items = 100'000;

struct NullHandler {
    static constexpr std::size_t max_object_size = most_items;
    static constexpr std::size_t max_array_size = most_items;
    static constexpr std::size_t max_key_size = std::size_t(-1);
    static constexpr std::size_t max_string_size = std::size_t(-1);
    using Code = json::error_code;
    using View = json::string_view;
    bool on_document_begin(Code&) { return true; }
    bool on_document_end(Code&) { return true; }
    bool on_object_begin(Code&) { return true; }
    bool on_object_end(std::size_t, Code&) { return true; }
    bool on_array_begin(Code&) { return true; }
    bool on_array_end(std::size_t, Code&) { return true; }
    bool on_key_part(View, std::size_t, Code&) { return true; }
    bool on_key(View, std::size_t, Code&) { return true; }
    bool on_string_part(View, std::size_t, Code&) { return true; }
    bool on_string(View, std::size_t, Code&) { return true; }
    bool on_number_part(View, Code&) { return true; }
    bool on_int64(std::int64_t, View, Code&) { return true; }
    bool on_uint64(std::uint64_t, View, Code&) { return true; }
    bool on_double(double, View, Code&) { return true; }
    bool on_bool(bool, Code&) { return true; }
    bool on_null(Code&) { return true; }
    bool on_comment_part(View, Code&) { return true; }
    bool on_comment(View, Code&) { return true; }
};

struct Verdict {
    std::size_t consumed = 0;
    json::error_code problem;
};

Verdict validate(std::string_view text, bool jsonc) {
    json::parse_options options;
    options.max_depth = max_depth;
    options.allow_comments = jsonc;
    options.allow_trailing_commas = jsonc;
    json::basic_parser<NullHandler> parser(options);
    Verdict verdict;
    verdict.consumed = parser.write_some(false, text.data(), text.size(), verdict.problem);
    if (!verdict.problem && verdict.consumed < text.size())
        verdict.problem = json::make_error_code(json::error::extra_data);
    return verdict;
}

}  // namespace

JsonVerdict examine_json(std::string_view text) {
    const std::size_t start = begin_of_json(text);
    const std::string_view body = text.substr(start);
    if (!validate(body, false).problem) return {JsonVerdict::Kind::json, 0, 0, {}};
    const Verdict verdict = validate(body, true);
    if (!verdict.problem) return {JsonVerdict::Kind::jsonc, 0, 0, {}};
    const std::size_t at = start + std::min(verdict.consumed, body.size());
    const std::size_t line_start = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
    const std::size_t column = line_start == std::string_view::npos ? at - start : at - line_start - 1;
    return {JsonVerdict::Kind::broken, line_of(text, at), column + 1, verdict.problem.message()};
}

bool is_blank(std::string_view text) {
    return text.find_first_not_of(" \t\r\n", begin_of_json(text)) == std::string_view::npos;
}

std::size_t line_of(std::string_view text, std::size_t offset) {
    return 1 + static_cast<std::size_t>(std::ranges::count(text.substr(0, offset), '\n'));
}

std::size_t begin_of_json(std::string_view text) {
    return text.starts_with(byte_order_mark) ? byte_order_mark.size() : 0;
}

}  // namespace capsule
