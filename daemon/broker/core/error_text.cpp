#include "daemon/broker/core/error_text.hpp"

#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace capsule::broker {
namespace {

struct Named {
    Surface surface;
    std::string_view name;
};
constexpr std::array surfaces{Named{Surface::anthropic_messages, "anthropic_messages"},
                              Named{Surface::openai_responses, "openai_responses"},
                              Named{Surface::openai_chat, "openai_chat"}};

struct StatusRow {
    int status;
    std::string_view reason;
    std::string_view anthropic;  ///< Anthropic's error types
    std::string_view openai;     ///< OpenAI's
};
constexpr std::array statuses{
    StatusRow{400, "Bad Request", "invalid_request_error", "invalid_request_error"},
    StatusRow{401, "Unauthorized", "authentication_error", "authentication_error"},
    StatusRow{403, "Forbidden", "permission_error", "permission_error"},
    StatusRow{405, "Method Not Allowed", "invalid_request_error", "invalid_request_error"},
    StatusRow{408, "Request Timeout", "timeout_error", "server_error"},
    StatusRow{417, "Expectation Failed", "invalid_request_error", "invalid_request_error"},
    StatusRow{426, "Upgrade Required", "invalid_request_error", "invalid_request_error"},
    StatusRow{429, "Too Many Requests", "rate_limit_error", "rate_limit_error"},
    StatusRow{431, "Request Header Fields Too Large", "invalid_request_error", "invalid_request_error"},
    StatusRow{502, "Bad Gateway", "api_error", "server_error"},
    StatusRow{503, "Service Unavailable", "overloaded_error", "server_error"},
    StatusRow{504, "Gateway Timeout", "timeout_error", "server_error"},
};

const StatusRow& row_of(int status) noexcept {
    for (const StatusRow& row : statuses)
        if (row.status == status) return row;
    return statuses.front();
}

}  // namespace

std::string_view name_of(Surface surface) noexcept {
    for (const Named& each : surfaces)
        if (each.surface == surface) return each.name;
    return "";
}

std::optional<Surface> surface_named(std::string_view name) noexcept {
    for (const Named& each : surfaces)
        if (each.name == name) return each.surface;
    return std::nullopt;
}

Surface surface_of(const RequestHead& head) noexcept {
    const std::string_view path = head.target.substr(0, head.target.find('?'));
    if (path.ends_with("/responses")) return Surface::openai_responses;
    if (path.ends_with("/chat/completions")) return Surface::openai_chat;
    return Surface::anthropic_messages;
}

std::string error_body(Surface surface, const Refusal& refusal) {
    const StatusRow& row = row_of(refusal.status);
    // The code in the text, too: some agents show nothing else.
    const std::string text = refusal.message + " (" + std::string(refusal.code) + ")";
    if (surface == Surface::anthropic_messages)
        return boost::json::serialize(boost::json::value{
            {"type", "error"}, {"error", {{"type", row.anthropic}, {"code", refusal.code}, {"message", text}}}});
    return boost::json::serialize(boost::json::value{
        {"error", {{"message", text}, {"type", row.openai}, {"param", nullptr}, {"code", refusal.code}}}});
}

std::string error_answer(Surface surface, const Refusal& refusal, bool head_only) {
    const StatusRow& row = row_of(refusal.status);
    const std::string body = error_body(surface, refusal);
    std::string out = "HTTP/1.1 " + std::to_string(refusal.status) + " " + std::string(row.reason) +
                      "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    if (refusal.retry_after_s > 0) out += "Retry-After: " + std::to_string(refusal.retry_after_s) + "\r\n";
    out += "Connection: close\r\n\r\n";
    if (!head_only) out += body;
    return out;
}

}  // namespace capsule::broker
