#include "client/recorder/conversation.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "protocol/json_tree.hpp"

namespace capsule {

namespace json = boost::json;

namespace {

const json::value* member(const json::value& value, std::string_view name) {
    const auto* object = value.if_object();
    return object == nullptr ? nullptr : object->if_contains(name);
}

std::string_view text_member(const json::value& value, std::string_view name) {
    const auto* found = member(value, name);
    return found != nullptr && found->is_string() ? std::string_view(found->get_string()) : std::string_view();
}

/// A string, or the "text" of each block of an array; anything else as JSON.
std::string plain_text(const json::value& content) {
    if (content.is_string()) return std::string(content.get_string());
    if (!content.is_array()) return json::serialize(content);
    std::string all;
    for (const auto& block : content.get_array()) {
        if (!all.empty()) all += '\n';
        all += text_member(block, "text");
    }
    return all;
}

void add_user_text(Conversation& conversation, std::string_view text) {
    if (!conversation.user_text.empty()) conversation.user_text += '\n';
    conversation.user_text += text;
}

/// A tool, or the tools of a namespace ("namespace" entries hold tools of their own).
void read_tools(Conversation& conversation, const json::value* tools, std::string_view inside = {}) {
    if (tools == nullptr || !tools->is_array()) return;
    for (const auto& tool : tools->get_array()) {
        OfferedTool offered{std::string(text_member(tool, "type")), std::string(text_member(tool, "name")),
                            std::string(inside)};
        if (const auto* function = member(tool, "function")) offered.name = text_member(*function, "name");
        read_tools(conversation, member(tool, "tools"), offered.name);
        conversation.tools.push_back(std::move(offered));
    }
}

/// One message of `messages` or `input`: user text and, as each protocol has it, tool outputs.
void read_message(Conversation& conversation, const json::value& message) {
    const auto* content = member(message, "content");
    const auto type = text_member(message, "type");
    const auto role = text_member(message, "role");
    if (type == "function_call_output" || type == "custom_tool_call_output") {
        const auto* output = member(message, "output");
        conversation.tool_outputs.push_back(output == nullptr ? "" : plain_text(*output));
    } else if (type == "additional_tools") {
        read_tools(conversation, member(message, "tools"));
    } else if (content == nullptr) {
        return;
    } else if (role == "tool") {
        conversation.tool_outputs.push_back(plain_text(*content));
    } else if (role == "user") {
        add_user_text(conversation, plain_text(*content));
        if (!content->is_array()) return;
        for (const auto& block : content->get_array()) {
            if (text_member(block, "type") != "tool_result") continue;
            const auto* result = member(block, "content");
            conversation.tool_outputs.push_back(result == nullptr ? "" : plain_text(*result));
        }
    }
}

}  // namespace

std::string_view name_of(WireProtocol protocol) noexcept {
    switch (protocol) {
        case WireProtocol::anthropic_messages:
            return "Anthropic Messages";
        case WireProtocol::chat_completions:
            return "OpenAI Chat Completions";
        case WireProtocol::openai_responses:
            return "OpenAI Responses";
    }
    return "";
}

bool Conversation::offers(std::string_view tool) const {
    return std::any_of(tools.begin(), tools.end(), [&](const OfferedTool& offered) { return offered.name == tool; });
}

std::optional<WireProtocol> protocol_of(std::string_view path) noexcept {
    if (path.ends_with("/messages")) return WireProtocol::anthropic_messages;
    if (path.ends_with("/chat/completions")) return WireProtocol::chat_completions;
    if (path.ends_with("/responses")) return WireProtocol::openai_responses;
    return std::nullopt;
}

std::optional<Conversation> parse_conversation(const RecordedRequest& request) {
    const auto protocol = protocol_of(request.path());
    if (!protocol || request.method != "POST") return std::nullopt;
    const auto read = parse_json(request.body);
    if (!read || !read->is_object()) return std::nullopt;
    const json::value& body = *read;

    Conversation conversation;
    conversation.protocol = *protocol;
    conversation.model = text_member(body, "model");
    const auto* stream = member(body, "stream");
    conversation.streaming = stream != nullptr && stream->is_bool() && stream->get_bool();
    const auto* messages = member(body, *protocol == WireProtocol::openai_responses ? "input" : "messages");
    if (messages != nullptr && messages->is_string()) add_user_text(conversation, messages->get_string());
    if (messages != nullptr) conversation.all_text = json::serialize(*messages);
    if (messages != nullptr && messages->is_array()) {
        for (const auto& message : messages->get_array())
            read_message(conversation, message);
    }
    read_tools(conversation, member(body, "tools"));
    return conversation;
}

}  // namespace capsule
