#include "protocol/openrpc.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "protocol/methods.hpp"

namespace capsule {
namespace {

namespace json = boost::json;

json::value method_named(std::string_view name) {
    const json::value document = openrpc_document("0");
    for (const json::value& method : document.at("methods").as_array())
        if (method.at("name") == json::string_view(name)) return method;
    throw std::runtime_error("no such method: " + std::string(name));
}

TEST(OpenRpc, ListsEveryMethodInItsOrder) {
    const auto document = openrpc_document("1.2.3");
    EXPECT_EQ(document.at("info").at("version"), "1.2.3");
    EXPECT_TRUE(document.at("openrpc").as_string().starts_with("1."));
    const auto& listed = document.at("methods").as_array();
    ASSERT_EQ(listed.size(), methods.size());
    for (std::size_t i = 0; i < methods.size(); ++i)
        EXPECT_EQ(listed[i].at("name"), json::string_view(methods[i].name));
}

TEST(OpenRpc, CanDescribeEveryMethod) {
    for (const MethodInfo& method : methods) {
        const auto described = method_named(method.name);
        EXPECT_EQ(described.at("x-tier").as_string(), json::string_view(name_of(method.tier)));
        EXPECT_FALSE(described.at("summary").as_string().empty());
        EXPECT_TRUE(described.at("result").at("schema").is_object());
    }
}

TEST(OpenRpc, SaysWhichParamsAreRequired) {
    const auto params = method_named("spawn").at("params").as_array();
    ASSERT_EQ(params.size(), 9U);
    EXPECT_EQ(params[0], json::parse(R"({"name":"agent","required":true,"schema":{"type":"string"}})"));
    EXPECT_EQ(params[1], json::parse(R"({"name":"provider","required":false,"schema":{"type":"string"}})"));
    EXPECT_EQ(params[5].at("schema"), json::parse(R"({"type":"object","additionalProperties":{"type":"string"}})"));
    EXPECT_EQ(params[5].at("required"), false) << "an environment may be left out";
}

TEST(OpenRpc, ClosesParamsToWhatItNames) {
    EXPECT_EQ(method_named("auth.unset").at("x-params"), json::parse(R"({
        "type": "object", "required": ["provider"], "additionalProperties": false,
        "properties": {
            "provider": {"type": "string"},
            "scope": {"type": "object", "additionalProperties": false,
                      "properties": {"workspace": {"type": "string"}, "role": {"type": "string"}}}}})"));
    EXPECT_EQ(method_named("ping").at("x-params"),
              json::parse(R"({"type":"object","properties":{},"additionalProperties":false})"));
    EXPECT_EQ(
        method_named("status").at("x-params"),
        json::parse(R"({"type":"object","properties":{"home":{"type":"boolean"}},"additionalProperties":false})"));
}

TEST(OpenRpc, LeavesResultsOpenAndNamesNull) {
    EXPECT_EQ(method_named("reload").at("result").at("schema"), json::parse(R"({
        "type": "object", "required": ["path", "loaded_at", "ok", "error"],
        "properties": {
            "path": {"oneOf": [{"type": "string"}, {"type": "null"}]},
            "loaded_at": {"oneOf": [{"type": "string"}, {"type": "null"}]},
            "ok": {"type": "boolean"},
            "error": {"oneOf": [{"type": "string"}, {"type": "null"}]}}})"));
    const auto list = method_named("providers.list").at("result").at("schema").at("properties");
    EXPECT_TRUE(list.as_object().contains("default")) << "as on the wire, without the trailing '_'";
}

TEST(OpenRpc, NamesTheErrorsOfAMethod) {
    const auto errors = method_named("spawn").at("errors").as_array();
    const auto has = [&](int code, std::string_view message) {
        return std::find(errors.begin(), errors.end(),
                         json::value{{"code", code}, {"message", json::string_view(message)}}) != errors.end();
    };
    EXPECT_TRUE(has(-32602, "invalid_params"));
    EXPECT_TRUE(has(-32004, "cell.blocked"));
    EXPECT_TRUE(has(-32004, "cell.unsupported"));
    EXPECT_TRUE(has(-32005, "key.absent"));
}

TEST(OpenRpc, DescribesWhatSubscribersAreTold) {
    const json::value document = openrpc_document("0");
    const json::array& told = document.at("x-notifications").as_array();
    ASSERT_EQ(told.size(), notifications.size());
    EXPECT_EQ(told[0].at("name").as_string(), "session.started");
    EXPECT_TRUE(told[0].at("params").at("properties").at("session").at("properties").as_object().contains("because"));
    EXPECT_TRUE(told[3].at("params").at("properties").as_object().contains("config"));
}

TEST(Methods, HaveTheirTier) {
    std::map<Tier, std::set<std::string_view>> names;
    for (const MethodInfo& method : methods)
        names[method.tier].insert(method.name);
    EXPECT_EQ(names[Tier::status],
              (std::set<std::string_view>{"status", "providers.list", "auth.list", "sessions.list", "rpc.discover",
                                          "ping", "subscribe", "metrics", "usage"}));
    EXPECT_EQ(names[Tier::spawn],
              (std::set<std::string_view>{"spawn", "explain", "config.write", "sessions.end", "grant", "names.list"}));
    EXPECT_EQ(names[Tier::admin], (std::set<std::string_view>{"auth.set", "auth.unset", "reload"}));
    EXPECT_EQ(find_method("explain")->tier, Tier::spawn);
    EXPECT_EQ(find_method("spawn "), nullptr);
}

}  // namespace
}  // namespace capsule
