// A request's way through the broker: what is passed on reads, by a second parser, as what was allowed.
#include <cstdint>
#include <string>

#include "daemon/broker/core/base_url.hpp"
#include "daemon/broker/core/error_text.hpp"
#include "daemon/broker/core/rewrite.hpp"
#include "tests/fuzz/require.hpp"

namespace {

using namespace capsule::broker;
using capsule::fuzz::require;

constexpr std::string_view key = "FAKE-key-of-the-provider";
/// What the broker itself writes: a text out of it is not a token of ours.
constexpr std::string_view own_words = "Bearer FAKE-key-of-the-provider, api.z.ai, identity, keep-alive, close";

void pass_on(const RequestHead& head, const Credential& used, const BaseUrl& base) {
    const std::string sent = request_for_provider(head, used, key, base);
    const auto read = read_request_head(sent);
    require(read.has_value(), "what is passed on is a request");
    require(head_size(sent) == sent.size(), "it is one head and nothing behind it");
    require(read->method == head.method && read->target == head.target, "it is the same request");
    require(read->body.kind == head.body.kind && read->body.bytes == head.body.bytes, "its body is as long");
    require(field(read->fields, "host") == base.authority, "it goes to the provider");
    const auto credentials = credentials_of(*read);
    require(credentials.size() == 1 && credentials[0].token == key, "the key is its only credential");
    for (const char* gone :
         {"connection", "cookie", "proxy-authorization", "te", "upgrade", "forwarded", "x-forwarded-for"})
        require(field(read->fields, gone).empty(), "what must not pass is gone");
    for (const Field& each : read->fields)
        require(used.token.size() < 4 || each.value.find(used.token) == std::string_view::npos, "the token is nowhere");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    static const BaseUrl base = parse_base_url("https://api.z.ai/api/anthropic").value();
    parse_base_url(input).has_value();
    is_in_no_proxy(input, "api.z.ai", 443);
    const auto end = head_size(input);
    if (!end) return 0;
    const auto head = read_request_head(input.substr(0, *end));
    if (!head) {
        require(head.error().status >= 400 && head.error().code.starts_with("capsule_"), "a refusal says what it is");
        return 0;
    }
    error_body(surface_of(*head), bad_request("x"));
    if (!check_target(head->target, base.path)) return 0;
    const std::string path = std::string(head->target.substr(0, head->target.find('?'))) + "/";
    require(path.find("/../") == std::string::npos && path.find("/./") == std::string::npos, "no way up");
    require(path.find("//") >= path.size() - 2, "no empty segment but the last");
    for (const Credential& each : credentials_of(*head))
        if (!each.token.empty() && own_words.find(each.token) == std::string_view::npos) pass_on(*head, each, base);
    return 0;
}
