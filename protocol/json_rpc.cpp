#include "protocol/json_rpc.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <limits>
#include <utility>

#include "protocol/json_tree.hpp"
#include "protocol/nearest.hpp"
#include "protocol/utf8.hpp"

namespace capsule {
namespace {

namespace json = boost::json;

constexpr std::string_view see_example =
    R"(a request looks like {"jsonrpc":"2.0","id":1,"method":"status","params":{}})";

std::string_view view(const json::string& text) {
    return {text.data(), text.size()};
}

/// A member's name for a message: a long one is cut, at the beginning of a UTF-8 character.
std::string quoted(std::string_view name) {
    constexpr std::size_t longest = 64;
    if (name.size() <= longest) return '"' + std::string(name) + '"';
    std::size_t end = longest;
    while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80)
        --end;
    return '"' + std::string(name.substr(0, end)) + "…\"";
}

Error invalid_request(std::string message, std::string_view hint = see_example) {
    return {ErrorCode::invalid_request, std::move(message), std::string(hint)};
}

std::string text_of(const json::value& value) {
    return json::serialize(value);
}

/// The item's id as JSON text; none if it has none. Fails when it is of a type that no id has.
Result<std::optional<RequestId>> read_id(const detail::Item& item) {
    const json::value* id = item.value.get_object().if_contains("id");
    if (id == nullptr) return std::optional<RequestId>{};
    if (id->is_number()) return std::optional(RequestId{item.id_number});
    if (id->is_string() || id->is_null()) return std::optional(RequestId{text_of(*id)});
    return invalid_request("\"id\" is neither a string, a number nor null");
}

/// What is wrong with an object's members, apart from its id.
std::optional<Error> find_fault(const json::object& object) {
    static const std::vector<std::string_view> known{"jsonrpc", "id", "method", "params"};
    for (const auto& [name, value] : object) {
        const std::string_view member(name.data(), name.size());
        if (std::find(known.begin(), known.end(), member) != known.end()) continue;
        const auto near = nearest(member, known);
        return invalid_request("unknown member " + quoted(member),
                               near ? "did you mean \"" + std::string(*near) + "\"?" : std::string(see_example));
    }
    const json::value* version = object.if_contains("jsonrpc");
    if (version == nullptr) return invalid_request("\"jsonrpc\" is missing");
    if (!version->is_string() || view(version->get_string()) != "2.0")
        return invalid_request("\"jsonrpc\" is not \"2.0\"");
    const json::value* method = object.if_contains("method");
    if (method == nullptr) return invalid_request("\"method\" is missing");
    if (!method->is_string()) return invalid_request("\"method\" is not a string");
    const json::value* params = object.if_contains("params");
    if (params != nullptr && !params->is_object() && !params->is_array())
        return invalid_request("\"params\" is neither an object nor an array");
    return std::nullopt;
}

json::value take_params(json::object& object, const json::storage_ptr& storage) {
    json::value* params = object.if_contains("params");
    if (params == nullptr || (params->is_array() && params->get_array().empty()))
        return json::value(json::object_kind, storage);
    return std::move(*params);
}

std::variant<Request, NotARequest> to_request(detail::Item item, const json::storage_ptr& storage) {
    if (!item.value.is_object()) return NotARequest{{}, invalid_request("a request is a JSON object")};
    auto id = read_id(item);
    // Two ids are no id: nobody could say which of them the answer belongs to.
    const bool readable = id && *id && item.duplicate != "id";
    const RequestId echoed = readable ? **id : RequestId{};
    if (item.duplicate)
        return NotARequest{echoed, invalid_request("the member " + quoted(*item.duplicate) + " stands there twice",
                                                   "name each member once: which of two counts would be a guess")};
    json::object& object = item.value.get_object();
    if (auto fault = find_fault(object)) return NotARequest{echoed, *std::move(fault)};
    if (!id) return NotARequest{echoed, id.error()};
    return Request{*std::move(id), std::string(view(object.at("method").get_string())), take_params(object, storage)};
}

Error no_answer(std::string message) {
    return {ErrorCode::parse_error, std::move(message),
            "whatever listens on that socket does not speak JSON-RPC 2.0: is it capsuled?"};
}

/// An answer's "error" member. The name in `data` tells more than the number, which two codes may share.
Error read_error(const json::object& object) {
    Error error;
    if (const json::value* message = object.if_contains("message"); message != nullptr && message->is_string())
        error.message = view(message->get_string());
    if (const json::value* code = object.if_contains("code"); code != nullptr && code->is_int64())
        error.code = error_code_numbered(static_cast<int>(code->get_int64())).value_or(ErrorCode::internal_error);
    const json::value* data = object.if_contains("data");
    if (data == nullptr || !data->is_object()) return error;
    if (const json::value* name = data->get_object().if_contains("code"); name != nullptr && name->is_string())
        error.code = error_code_named(view(name->get_string())).value_or(error.code);
    if (const json::value* hint = data->get_object().if_contains("hint"); hint != nullptr && hint->is_string())
        error.hint = view(hint->get_string());
    return error;
}

}  // namespace

Result<ParsedLine> parse_line(std::string_view line, json::storage_ptr storage) {
    auto tree = detail::parse_tree(line, storage, max_members, max_values);
    if (!tree) return tree.error();
    if (tree->batch && tree->items.empty()) return invalid_request("the batch is empty");
    if (tree->batch && tree->items.size() > max_batch)
        return invalid_request("a batch of " + std::to_string(tree->items.size()) + " requests is over the limit of " +
                                   std::to_string(max_batch),
                               "send several batches, or one request per line: they may be pipelined");
    ParsedLine parsed;
    parsed.batch = tree->batch;
    parsed.items.reserve(tree->items.size());
    for (detail::Item& item : tree->items)
        parsed.items.push_back(to_request(std::move(item), storage));
    return parsed;
}

std::string success_answer(const RequestId& id, std::string_view result) {
    return answer_from(id, std::string(result));
}

std::string answer_from(const RequestId& id, std::string result) {
    result.insert(0, R"({"jsonrpc":"2.0","id":)" + id.json + R"(,"result":)").push_back('}');
    return result;
}

std::string error_json(const Error& error) {
    const int number = rpc_number(error.code);
    json::object object{{"code", number}, {"message", error.message}};
    const bool standard = number <= -32600;
    if (!standard || !error.hint.empty())
        object["data"] = {{"code", json::string_view(name_of(error.code))}, {"hint", error.hint}};
    return with_bytes_escaped(json::serialize(object), escaped_backslash);
}

std::string error_answer(const RequestId& id, const Error& error) {
    return R"({"jsonrpc":"2.0","id":)" + id.json + R"(,"error":)" + error_json(error) + '}';
}

std::string request_text(std::string_view id, std::string_view method, std::string_view params) {
    std::string text = R"({"jsonrpc":"2.0","id":)";
    text.append(id).append(R"(,"method":)").append(json::serialize(json::string_view(method.data(), method.size())));
    text.append(R"(,"params":)").append(params).push_back('}');
    return text;
}

std::string notification_text(std::string_view method, std::string_view params) {
    std::string text = R"({"jsonrpc":"2.0","method":)";
    text.append(json::serialize(json::string_view(method.data(), method.size())));
    text.append(R"(,"params":)").append(with_bytes_escaped(params, escaped_backslash)).push_back('}');
    return text;
}

Result<Answer> parse_answer(std::string_view line) {
    auto tree = detail::parse_tree(line, {}, 2 * max_members, std::numeric_limits<std::size_t>::max());
    if (!tree) return no_answer("the answer is " + tree.error().message);
    if (tree->batch || !tree->items.front().value.is_object()) return no_answer("the answer is not a JSON object");
    detail::Item& item = tree->items.front();
    json::object& object = item.value.get_object();
    const json::value* version = object.if_contains("jsonrpc");
    if (version == nullptr || *version != "2.0") return no_answer("the answer is not of JSON-RPC 2.0");
    auto id = read_id(item);
    if (!id || !*id) return no_answer("the answer has no id");
    json::value* result = object.if_contains("result");
    const json::value* error = object.if_contains("error");
    if ((result == nullptr) == (error == nullptr)) return no_answer("the answer has not just one of result and error");
    if (error != nullptr) {
        if (!error->is_object()) return no_answer("the answer's error is not an object");
        return Answer{(*id)->json, read_error(error->get_object())};
    }
    return Answer{(*id)->json, std::move(*result)};
}

}  // namespace capsule
