#include "protocol/json_tree.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>
#include <cstdint>
#include <limits>
#include <utility>

#include "protocol/json_rpc.hpp"

namespace capsule::detail {
namespace {

namespace json = boost::json;

/// Receives what basic_parser finds and builds the items from it.
class TreeBuilder {
  public:
    using error_code = json::error_code;
    using string_view = json::string_view;

    // Bounds are the line's: its length is limited by who reads it.
    static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_array_size = max_object_size;
    static constexpr std::size_t max_key_size = max_object_size;
    static constexpr std::size_t max_string_size = max_object_size;

    explicit TreeBuilder(json::storage_ptr storage, std::size_t size) : storage_(std::move(storage)), size_(size) {}
    TreeBuilder(const TreeBuilder&) = delete;
    TreeBuilder& operator=(const TreeBuilder&) = delete;

    Tree take() { return std::move(tree_); }

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }

    bool on_object_begin(error_code&) { return open(json::value(json::object_kind, storage_)); }
    bool on_object_end(std::size_t, error_code&) { return close(); }
    bool on_array_begin(error_code&) {
        if (open_.empty() && !tree_.batch) return tree_.batch = true;
        return open(json::value(json::array_kind, storage_));
    }
    bool on_array_end(std::size_t, error_code&) { return open_.empty() || close(); }

    bool on_key_part(string_view part, std::size_t, error_code&) { return collect(part); }
    bool on_key(string_view part, std::size_t, error_code&) {
        const auto key = whole(part);
        open_.back().key.assign(key.data(), key.size());
        return done_with_text();
    }
    bool on_string_part(string_view part, std::size_t, error_code&) { return collect(part); }
    bool on_string(string_view part, std::size_t, error_code&) {
        add(json::value(whole(part), storage_));
        return done_with_text();
    }
    bool on_number_part(string_view part, error_code&) { return collect(part); }
    bool on_int64(std::int64_t number, string_view part, error_code&) { return on_number(number, part); }
    bool on_uint64(std::uint64_t number, string_view part, error_code&) { return on_number(number, part); }
    bool on_double(double number, string_view part, error_code&) { return on_number(number, part); }
    bool on_bool(bool flag, error_code&) { return add(json::value(flag, storage_)); }
    bool on_null(error_code&) { return add(json::value(nullptr, storage_)); }
    bool on_comment_part(string_view, error_code&) { return true; }
    bool on_comment(string_view, error_code&) { return true; }

  private:
    struct Open {
        json::value value;
        std::string key;  ///< of the member whose value comes next
    };

    template <class Number>
    bool on_number(Number number, string_view part) {
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
        } else if (!parent.value.get_object().emplace(parent.key, std::move(value)).second && !duplicate_) {
            duplicate_ = parent.key;
        }
        return true;
    }

    json::storage_ptr storage_;
    std::size_t size_;
    Tree tree_;
    std::vector<Open> open_;
    std::string text_;
    std::string id_number_;
    std::optional<std::string> duplicate_;
};

Error why(json::error_code error, std::size_t at) {
    const std::string column = " at column " + std::to_string(at + 1);
    if (error == json::error::too_deep)
        return {ErrorCode::parse_error, "nested deeper than " + std::to_string(max_nesting) + column,
                "no request needs that: nest less"};
    if (error == json::error::incomplete)
        return {ErrorCode::parse_error, "the JSON text ends too early",
                "send each request as one whole JSON text on one line"};
    return {ErrorCode::parse_error, "not JSON: " + error.message() + column,
            "send each request as one JSON text in UTF-8 on one line"};
}

}  // namespace

Result<Tree> parse_tree(std::string_view text, const json::storage_ptr& storage) {
    json::parse_options options;
    options.max_depth = max_nesting;
    json::basic_parser<TreeBuilder> parser(options, storage, text.size());
    json::error_code error;
    const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
    if (!error && used < text.size()) error = json::error::extra_data;
    if (error) return why(error, used);
    return parser.handler().take();
}

}  // namespace capsule::detail
