#include "protocol/openrpc.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <initializer_list>
#include <utility>

#include "protocol/errors.hpp"
#include "protocol/json_struct.hpp"
#include "protocol/messages.hpp"
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

struct Shape {
    std::string_view method;
    json::object (*params)(Unknown);
    json::object (*result)(Unknown);
    std::vector<ErrorCode> errors;  ///< beside the common ones
};

/// rpc.discover's own result, as OpenRPC asks for it.
json::object meta_schema(Unknown) {
    return {{"$ref", "https://raw.githubusercontent.com/open-rpc/meta-schema/master/schema.json"}};
}

const std::vector<Shape>& shapes() {
    static const std::vector<ErrorCode> planning{agent_unknown, provider_unknown, cell_unsupported, cell_blocked,
                                                 key_absent,    key_error,        config_conflict,  io_error};
    static const std::vector<Shape> table{
        {"status", schema_of<NoParams>, schema_of<StatusResult>, {}},
        {"providers.list", schema_of<ProvidersListParams>, schema_of<ProvidersListResult>, {agent_unknown}},
        {"auth.list", schema_of<AuthListParams>, schema_of<AuthListResult>, {}},
        {"rpc.discover", schema_of<NoParams>, meta_schema, {}},
        {"spawn", schema_of<SpawnParams>, schema_of<SpawnResult>, planning},
        {"explain", schema_of<SpawnParams>, schema_of<ExplainResult>, planning},
        {"config.write",
         schema_of<ConfigWriteParams>,
         schema_of<ConfigWriteResult>,
         {agent_unknown, key_error, config_conflict, io_error}},
        {"auth.set", schema_of<AuthSetParams>, schema_of<AuthRow>, {provider_unknown, config_conflict, io_error}},
        {"auth.unset", schema_of<AuthUnsetParams>, schema_of<AuthRow>, {provider_unknown, config_conflict, io_error}},
        {"reload", schema_of<NoParams>, schema_of<ConfigStatus>, {config_conflict, io_error}},
    };
    return table;
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

json::object describe_method(const MethodInfo& info, const Shape& shape) {
    const json::object params = shape.params(Unknown::refuse);
    json::array errors;
    for (const ErrorCode code : common_errors)
        errors.push_back(describe_error(code));
    for (const ErrorCode code : shape.errors)
        errors.push_back(describe_error(code));
    return {
        {"name", view(info.name)},
        {"summary", view(info.summary)},
        {"paramStructure", "by-name"},
        {"params", describe_params(params)},
        {"result", {{"name", "result"}, {"schema", shape.result(Unknown::ignore)}}},
        {"errors", std::move(errors)},
        {"x-tier", view(name_of(info.tier))},
        {"x-params", params},
    };
}

}  // namespace

json::value openrpc_document(std::string_view version, const std::vector<std::string_view>& method_names) {
    json::array described;
    for (const std::string_view name : method_names) {
        const MethodInfo* info = find_method(name);
        const auto shape =
            std::find_if(shapes().begin(), shapes().end(), [&](const Shape& s) { return s.method == name; });
        if (info != nullptr && shape != shapes().end()) described.push_back(describe_method(*info, *shape));
    }
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
    };
}

}  // namespace capsule
