#include "protocol/json_tree.hpp"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>
#include <cstdint>
#include <limits>
#include <utility>

#include "protocol/json_rpc.hpp"

namespace capsule {
namespace detail {
namespace {

namespace json = boost::json;

constexpr json::error too_late = json::error::exception;  // Boost has no word for it, and never fails with this one

struct TreeRules {
    std::size_t max_members;  ///< of one object
    std::size_t max_values;   ///< in all
    bool of_rpc;  ///< the members of an array at the top are items, and of two members of one name the first counts
    bool (*is_too_late)() noexcept;  ///< asked at each object; null: never
};

/// Receives what basic_parser finds and builds the items from it.
class TreeBuilder {
  public:
    using error_code = json::error_code;
    using string_view = json::string_view;

    // The text's length is limited by who reads it, an object's members in on_key().
    static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_array_size = max_object_size;
    static constexpr std::size_t max_key_size = max_object_size;
    static constexpr std::size_t max_string_size = max_object_size;

    TreeBuilder(json::storage_ptr storage, std::size_t size, const TreeRules& rules)
        : storage_(std::move(storage)), size_(size), rules_(rules) {}
    TreeBuilder(const TreeBuilder&) = delete;
    TreeBuilder& operator=(const TreeBuilder&) = delete;

    Tree take() { return std::move(tree_); }

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }

    bool on_object_begin(error_code& error) {
        if (rules_.is_too_late != nullptr && rules_.is_too_late()) return fail(error, too_late);
        return is_one_more(error) && open(json::value(json::object_kind, storage_));
    }
    bool on_object_end(std::size_t, error_code&) { return close(); }
    bool on_array_begin(error_code& error) {
        if (rules_.of_rpc && open_.empty() && !tree_.batch) return tree_.batch = true;
        return is_one_more(error) && open(json::value(json::array_kind, storage_));
    }
    bool on_array_end(std::size_t, error_code&) { return open_.empty() || close(); }

    bool on_key_part(string_view part, std::size_t, error_code&) { return collect(part); }
    bool on_key(string_view part, std::size_t, error_code& error) {
        if (++open_.back().members > rules_.max_members) return fail(error, json::error::object_too_large);
        const auto key = whole(part);
        open_.back().key.assign(key.data(), key.size());
        return done_with_text();
    }
    bool on_string_part(string_view part, std::size_t, error_code&) { return collect(part); }
    bool on_string(string_view part, std::size_t, error_code& error) {
        if (!is_one_more(error)) return false;
        add(json::value(whole(part), storage_));
        return done_with_text();
    }
    bool on_number_part(string_view part, error_code&) { return collect(part); }
    bool on_int64(std::int64_t number, string_view part, error_code& error) { return on_number(number, part, error); }
    bool on_uint64(std::uint64_t number, string_view part, error_code& error) { return on_number(number, part, error); }
    bool on_double(double number, string_view part, error_code& error) { return on_number(number, part, error); }
    bool on_bool(bool flag, error_code& error) { return is_one_more(error) && add(json::value(flag, storage_)); }
    bool on_null(error_code& error) { return is_one_more(error) && add(json::value(nullptr, storage_)); }
    // The parser wants these two. It is never told to take comments: it does not see the end of one in "**/".
    bool on_comment_part(string_view, error_code&) { return true; }
    bool on_comment(string_view, error_code&) { return true; }

  private:
    struct Open {
        json::value value;
        std::string key;          ///< of the member whose value comes next
        std::size_t members = 0;  ///< duplicates count, too
    };

    static bool fail(error_code& error, json::error why) {
        error = why;
        return false;
    }

    bool is_one_more(error_code& error) {
        return ++values_ <= rules_.max_values || fail(error, json::error::array_too_large);
    }

    template <class Number>
    bool on_number(Number number, string_view part, error_code& error) {
        if (!is_one_more(error)) return false;
        const auto raw = whole(part);
        if (open_.size() == 1 && open_.back().key == "id" && open_.back().value.is_object())
            id_number_.assign(raw.data(), raw.size());
        add(json::value(number, storage_));
        return done_with_text();
    }

    /// Text with escapes comes in parts. The first one makes room for all.
    bool collect(string_view part) {
        if (text_.capacity() < size_) text_.reserve(size_);
        text_.append(part.data(), part.size());
        return true;
    }
    string_view whole(string_view last) {
        if (text_.empty()) return last;
        collect(last);
        return text_;
    }
    bool done_with_text() {
        text_.clear();
        return true;
    }

    bool open(json::value container) {
        open_.push_back({std::move(container), {}});
        return true;
    }
    bool close() {
        json::value whole_value = std::move(open_.back().value);
        open_.pop_back();
        return add(std::move(whole_value));
    }

    bool add(json::value value) {
        if (open_.empty()) {
            tree_.items.push_back({std::move(value), std::move(id_number_), std::move(duplicate_)});
            id_number_.clear();
            duplicate_.reset();
        } else if (auto& parent = open_.back(); parent.value.is_array()) {
            parent.value.get_array().push_back(std::move(value));
        } else if (!rules_.of_rpc) {
            parent.value.get_object().insert_or_assign(parent.key, std::move(value));
        } else if (!parent.value.get_object().emplace(parent.key, std::move(value)).second && !duplicate_) {
            duplicate_ = parent.key;
        }
        return true;
    }

    json::storage_ptr storage_;
    std::size_t size_;
    TreeRules rules_;
    Tree tree_;
    std::size_t values_ = 0;
    std::vector<Open> open_;
    std::string text_;
    std::string id_number_;
    std::optional<std::string> duplicate_;
};

/// What has been read of a text, and where its reading ended.
struct Parsed {
    Tree tree;
    std::size_t used = 0;
    json::error_code error;
};

Parsed parse(std::string_view text, const json::storage_ptr& storage, const json::parse_options& options,
             const TreeRules& rules) {
    json::basic_parser<TreeBuilder> parser(options, storage, text.size(), rules);
    Parsed out;
    out.used = parser.write_some(false, text.data(), text.size(), out.error);
    if (!out.error && out.used < text.size()) out.error = json::error::extra_data;
    if (!out.error) out.tree = parser.handler().take();
    return out;
}

std::string many_members(std::size_t limit) {
    return "an object has more than " + std::to_string(limit) + " members";
}

Error why(json::error_code error, std::size_t at, std::size_t most_members, std::size_t most_values) {
    const std::string column = " at column " + std::to_string(at + 1);
    if (error == json::error::too_deep)
        return {ErrorCode::parse_error, "nested deeper than " + std::to_string(max_nesting) + column,
                "no request needs that: nest less"};
    if (error == json::error::object_too_large)
        return {ErrorCode::parse_error, many_members(most_members) + column, "no request needs that: send fewer"};
    if (error == json::error::array_too_large)
        return {ErrorCode::parse_error, "more than " + std::to_string(most_values) + " values" + column,
                "no request needs that: send fewer, or several requests"};
    if (error == json::error::incomplete)
        return {ErrorCode::parse_error, "the JSON text ends too early",
                "send each request as one whole JSON text on one line"};
    return {ErrorCode::parse_error, "not JSON: " + error.message() + column,
            "send each request as one JSON text in UTF-8 on one line"};
}

}  // namespace

Result<Tree> parse_tree(std::string_view text, const json::storage_ptr& storage, std::size_t most_members,
                        std::size_t most_values) {
    json::parse_options options;
    options.max_depth = max_nesting;
    Parsed done = parse(text, storage, options, {most_members, most_values, true, nullptr});
    if (done.error) return why(done.error, done.used, most_members, most_values);
    return std::move(done.tree);
}

}  // namespace detail

std::string without_comments(std::string_view text) {
    std::string out(text);
    for (std::size_t at = text.find_first_of("\"/"); at < text.size(); at = text.find_first_of("\"/", at)) {
        std::size_t end = at + 1;
        if (text[at] == '"') {
            while (end < text.size() && text[end] != '"')
                end += text[end] == '\\' ? 2 : 1;
            ++end;
        } else if (const auto begin = text.substr(at, 2); begin == "//" || begin == "/*") {
            end = begin == "//" ? std::min(text.find_first_of("\r\n", at), text.size()) : text.find("*/", at + 2);
            if (end == text.npos) break;
            if (begin == "/*") end += 2;
            out.replace(at, end - at, end - at, ' ');
        }
        at = end;
    }
    return out;
}

Result<boost::json::value> parse_json(std::string_view text, const JsonRules& rules) {
    namespace json = boost::json;
    json::parse_options options;
    constexpr std::size_t any_number = std::numeric_limits<std::size_t>::max();
    options.max_depth = rules.max_depth;
    options.allow_trailing_commas = rules.comments;
    const std::string bare = rules.comments ? without_comments(text) : std::string();
    detail::Parsed done = detail::parse(rules.comments ? bare : text, json::storage_ptr(), options,
                                        {max_members, any_number, false, rules.is_too_late});
    if (!done.error) return std::move(done.tree.items.front().value);
    if (done.error == json::error::object_too_large)
        return Error{ErrorCode::request_too_large, detail::many_members(max_members)};
    if (done.error == json::error::too_deep)
        return Error{ErrorCode::request_too_large, "it is nested deeper than " + std::to_string(rules.max_depth)};
    if (done.error == detail::too_late) return Error{ErrorCode::request_too_large, "there was no time left to read it"};
    return Error{ErrorCode::parse_error,
                 "it is not JSON (" + done.error.message() + ", column " + std::to_string(done.used + 1) + ")"};
}

}  // namespace capsule
