// https://platform.openai.com/docs/api-reference/chat and its streaming form.
#include "client/recorder/reply.hpp"
#include "client/recorder/server_sent_events.hpp"

namespace capsule {

namespace json = boost::json;

namespace {

json::object usage(const Turn& turn) {
    return {{"prompt_tokens", turn.input_tokens},
            {"completion_tokens", stand_in_output_tokens},
            {"total_tokens", turn.input_tokens + stand_in_output_tokens}};
}

json::object tool_call(const Conversation& conversation, const Turn& turn) {
    return {{"index", 0},
            {"id", id_of_answer(conversation, "call")},
            {"type", "function"},
            {"function", {{"name", turn.tool}, {"arguments", turn.arguments}}}};
}

std::string chunk(const Conversation& conversation, const Turn& turn, json::object delta,
                  json::value finish_reason = nullptr) {
    return plain_event(
        {{"id", id_of_answer(conversation, "chatcmpl")},
         {"object", "chat.completion.chunk"},
         {"created", 1},
         {"model", conversation.model},
         {"choices", {{{"index", 0}, {"delta", std::move(delta)}, {"finish_reason", std::move(finish_reason)}}}},
         {"usage", usage(turn)}});
}

}  // namespace

Reply chat_reply(const Conversation& conversation, const Turn& turn) {
    const char* finish_reason = turn.tool.empty() ? "stop" : "tool_calls";
    if (!conversation.streaming) {
        json::object message{{"role", "assistant"}, {"content", turn.tool.empty() ? json::value(turn.text) : nullptr}};
        if (!turn.tool.empty()) message["tool_calls"] = json::array{tool_call(conversation, turn)};
        const json::object choice{{"index", 0}, {"message", std::move(message)}, {"finish_reason", finish_reason}};
        return {200, "application/json",
                json::serialize(json::object{{"id", id_of_answer(conversation, "chatcmpl")},
                                             {"object", "chat.completion"},
                                             {"created", 1},
                                             {"model", conversation.model},
                                             {"choices", json::array{choice}},
                                             {"usage", usage(turn)}})};
    }
    std::string body;
    if (turn.tool.empty()) {
        const auto [first, second] = halves(turn.text);
        body = chunk(conversation, turn, {{"role", "assistant"}, {"content", first}}) +
               chunk(conversation, turn, {{"content", second}});
    } else {
        body = chunk(conversation, turn,
                     {{"role", "assistant"}, {"tool_calls", json::array{tool_call(conversation, turn)}}});
    }
    body += chunk(conversation, turn, {}, finish_reason) + "data: [DONE]\n\n";
    return {200, "text/event-stream", std::move(body)};
}

}  // namespace capsule
