#include "protocol/openrpc.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <concepts>
#include <tuple>
#include <utility>

#include "protocol/errors.hpp"
#include "protocol/json_struct.hpp"
#include "protocol/methods.hpp"

namespace capsule {
namespace {

namespace json = boost::json;

json::string_view view(std::string_view text) {
    return {text.data(), text.size()};
}

// ---- structs to JSON Schema; `use` decides what std::optional means, as in json_struct.hpp ----

template <class T>
json::object schema_of(Unknown use);

template <class T>
json::object struct_schema(Unknown use) {
    json::object properties;
    json::array required;
    boost::mp11::mp_for_each<detail::Members<T>>([&](auto member) {
        using Member = std::remove_cvref_t<decltype(std::declval<T&>().*member.pointer)>;
        const auto name = view(detail::wire_name(member.name));
        properties.emplace(name, schema_of<Member>(use));
        constexpr bool may_miss = detail::IsOptional<Member>::value || detail::IsStringMap<Member>::value;
        if (use == Unknown::ignore || !may_miss) required.emplace_back(name);
    });
    json::object schema{{"type", "object"}, {"properties", std::move(properties)}};
    if (!required.empty()) schema.emplace("required", std::move(required));
    if (use == Unknown::refuse) schema.emplace("additionalProperties", false);
    return schema;
}

template <class T>
json::object optional_schema(Unknown use) {
    json::object schema = schema_of<T>(use);
    if (use == Unknown::refuse) return schema;
    return {{"oneOf", json::array{std::move(schema), json::object{{"type", "null"}}}}};
}

template <class T>
json::object schema_of(Unknown use) {
    if constexpr (detail::IsOptional<T>::value) {
        return optional_schema<typename T::value_type>(use);
    } else if constexpr (detail::IsVector<T>::value) {
        return {{"type", "array"}, {"items", schema_of<typename T::value_type>(use)}};
    } else if constexpr (detail::IsStringMap<T>::value) {
        return {{"type", "object"}, {"additionalProperties", schema_of<typename T::mapped_type>(use)}};
    } else if constexpr (detail::Described<T>) {
        return struct_schema<T>(use);
    } else if constexpr (std::same_as<T, bool>) {
        return {{"type", "boolean"}};
    } else if constexpr (std::integral<T>) {
        return {{"type", "integer"}};
    } else if constexpr (std::floating_point<T>) {
        return {{"type", "number"}};
    } else {
        static_assert(std::same_as<T, std::string>);
        return {{"type", "string"}};
    }
}

// ---- the methods ----

using enum ErrorCode;

/// What any method can fail with once its request has been understood.
constexpr std::array common_errors{invalid_params, internal_error, access_denied, server_overloaded, server_stopping};

/// A result's schema. rpc.discover's own result is the document that OpenRPC describes.
template <class T>
json::object result_schema() {
    if constexpr (std::same_as<T, json::value>)
        return {{"$ref", "https://raw.githubusercontent.com/open-rpc/meta-schema/master/schema.json"}};
    else
        return schema_of<T>(Unknown::ignore);
}

json::object describe_error(ErrorCode code) {
    return {{"code", rpc_number(code)}, {"message", view(name_of(code))}};
}

json::array describe_params(const json::object& schema) {
    const json::value* required = schema.if_contains("required");
    json::array params;
    for (const auto& [name, type] : schema.at("properties").get_object()) {
        const json::value wanted(name);
        const bool needed = required != nullptr && std::find(required->get_array().begin(), required->get_array().end(),
                                                             wanted) != required->get_array().end();
        params.push_back({{"name", name}, {"required", needed}, {"schema", type}});
    }
    return params;
}

template <class Row>
json::object describe_method(const Row& row) {
    const json::object params = schema_of<typename Row::Params>(Unknown::refuse);
    json::array errors;
    for (const ErrorCode code : common_errors)
        errors.push_back(describe_error(code));
    for (const ErrorCode code : row.errors)
        errors.push_back(describe_error(code));
    return {
        {"name", view(row.name)},
        {"summary", view(row.summary)},
        {"paramStructure", "by-name"},
        {"params", describe_params(params)},
        {"result", {{"name", "result"}, {"schema", result_schema<typename Row::Result>()}}},
        {"errors", std::move(errors)},
        {"x-tier", view(name_of(row.tier))},
        {"x-params", params},
    };
}

template <class Row>
json::object describe_notification(const Row& row) {
    return {{"name", view(row.name)},
            {"summary", view(row.summary)},
            {"params", schema_of<typename Row::Params>(Unknown::ignore)}};
}

}  // namespace

json::value openrpc_document(std::string_view version) {
    json::array described;
    std::apply([&](const auto&... row) { (described.push_back(describe_method(row)), ...); }, method_rows);
    json::array told;
    std::apply([&](const auto&... row) { (told.push_back(describe_notification(row)), ...); }, notification_rows);
    return {
        {"openrpc", "1.2.6"},
        {"info",
         {{"title", "capsuled"},
          {"version", view(version)},
          {"description",
           "Provider keys and exact agent routes for coding-agent capsules: JSON-RPC 2.0, one text per line, "
           "over a Unix socket."},
          {"license", {{"name", "Apache-2.0"}}}}},
        {"methods", std::move(described)},
        {"x-notifications", std::move(told)},
    };
}

}  // namespace capsule
