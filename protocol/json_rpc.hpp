// JSON-RPC 2.0 on one line of text, without any I/O.
#pragma once

#include <boost/json/storage_ptr.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/errors.hpp"

namespace capsule {

inline constexpr std::size_t max_nesting = 32;  ///< deeper is -32700
inline constexpr std::size_t max_batch = 64;    ///< more is -32600
/// Strings, numbers, objects and so on of one line. More is -32700: a line of 256 KiB could have 128,000, which take
/// 10 ms to read.
inline constexpr std::size_t max_values = 8192;

/// A request's id as JSON text, so that it comes back with its value unchanged (18446744073709551615 and 1.5 too,
/// which Boost.JSON's numbers would not keep). "null" where there is none to give back.
struct RequestId {
    std::string json = "null";
    bool operator==(const RequestId&) const = default;
};

struct Request {
    std::optional<RequestId> id;  ///< none: a notification, which gets no answer
    std::string method;
    boost::json::value params;  ///< an object (absent and [] become {}), or a non-empty array
};

/// A member of a batch, or a lone text, that is JSON but no request.
struct NotARequest {
    RequestId id;  ///< the text's own id if that could be read, else null
    Error error;
};

struct ParsedLine {
    bool batch = false;  ///< the answers then go into one array
    std::vector<std::variant<Request, NotARequest>> items;
};

/// Reads one line. Fails with parse_error (not JSON, not UTF-8, nested too deeply, more than max_values) or
/// invalid_request (an empty batch, one over max_batch): such a line gets one answer, with id null. The params live in
/// `storage` (they may hold keys, so a caller can give memory that is zeroed when freed).
Result<ParsedLine> parse_line(std::string_view line, boost::json::storage_ptr storage = {});

/// {"jsonrpc":"2.0","id":…,"result":…} without a line end. `result` is JSON text.
std::string success_answer(const RequestId& id, std::string_view result);
/// The same, of a result that may be long: made in its place.
std::string answer_from(const RequestId& id, std::string result);

/// {"code":…,"message":…,"data":{…}}. Ours carry data {code, hint}; the standard ones data {code, hint} when there is a
/// hint. Bytes that are no UTF-8 are escaped, here and in notifications: either may quote a file's name.
std::string error_json(const Error& error);

/// {"jsonrpc":"2.0","id":…,"error":{…}} with error_json's error.
std::string error_answer(const RequestId& id, const Error& error);

/// One request's text, for clients. `params` is JSON text.
std::string request_text(std::string_view id, std::string_view method, std::string_view params);

/// {"jsonrpc":"2.0","method":…,"params":…} without a line end. `params` is JSON text.
std::string notification_text(std::string_view method, std::string_view params);

struct Answer {
    std::string id;  ///< JSON text
    Result<boost::json::value> outcome;
};

/// Reads one answer, for clients. Fails with parse_error when it is none.
Result<Answer> parse_answer(std::string_view line);

}  // namespace capsule
