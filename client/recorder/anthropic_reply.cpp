// https://docs.anthropic.com/en/api/messages and its streaming form.
#include <boost/json/parse.hpp>

#include "client/recorder/reply.hpp"
#include "client/recorder/server_sent_events.hpp"

namespace capsule {

namespace json = boost::json;

namespace {

json::object message(const Conversation& conversation, const Turn& turn, json::array content, json::value stop_reason) {
    return {{"id", id_of_answer(conversation, "msg")},
            {"type", "message"},
            {"role", "assistant"},
            {"model", conversation.model},
            {"content", std::move(content)},
            {"stop_reason", std::move(stop_reason)},
            {"stop_sequence", nullptr},
            {"usage", {{"input_tokens", turn.input_tokens}, {"output_tokens", stand_in_output_tokens}}}};
}

json::object block(const Conversation& conversation, const Turn& turn, bool filled) {
    if (turn.tool.empty()) return {{"type", "text"}, {"text", filled ? turn.text : ""}};
    return {{"type", "tool_use"},
            {"id", id_of_answer(conversation, "toolu")},
            {"name", turn.tool},
            {"input", filled ? json::parse(turn.arguments) : json::object()}};
}

json::object delta(const Turn& turn, const std::string& piece) {
    if (turn.tool.empty()) return {{"type", "text_delta"}, {"text", piece}};
    return {{"type", "input_json_delta"}, {"partial_json", piece}};
}

}  // namespace

Reply anthropic_reply(const Conversation& conversation, const Turn& turn) {
    const char* stop_reason = turn.tool.empty() ? "end_turn" : "tool_use";
    if (!conversation.streaming) {
        return {200, "application/json",
                json::serialize(message(conversation, turn, {block(conversation, turn, true)}, stop_reason))};
    }
    std::string body =
        named_event({{"type", "message_start"}, {"message", message(conversation, turn, {}, nullptr)}}) +
        named_event(
            {{"type", "content_block_start"}, {"index", 0}, {"content_block", block(conversation, turn, false)}});
    const auto [first, second] = halves(turn.tool.empty() ? turn.text : turn.arguments);
    for (const auto& piece : {first, second}) {
        body += named_event({{"type", "content_block_delta"}, {"index", 0}, {"delta", delta(turn, piece)}});
    }
    body += named_event({{"type", "content_block_stop"}, {"index", 0}}) +
            named_event({{"type", "message_delta"},
                         {"delta", {{"stop_reason", stop_reason}, {"stop_sequence", nullptr}}},
                         {"usage", {{"output_tokens", stand_in_output_tokens}}}}) +
            named_event({{"type", "message_stop"}});
    return {200, "text/event-stream", std::move(body)};
}

}  // namespace capsule
