// https://platform.openai.com/docs/api-reference/responses and its streaming form.
#include <algorithm>

#include "client/recorder/reply.hpp"
#include "client/recorder/server_sent_events.hpp"

namespace capsule {

namespace json = boost::json;

namespace {

OfferedTool offered(const Conversation& conversation, std::string_view name) {
    const auto tool =
        std::ranges::find_if(conversation.tools, [&](const OfferedTool& one) { return one.name == name; });
    return tool == conversation.tools.end() ? OfferedTool{} : *tool;
}

json::object output_item(const Conversation& conversation, const Turn& turn) {
    const OfferedTool tool = offered(conversation, turn.tool);
    if (tool.type == "custom") {
        return {{"type", "custom_tool_call"},
                {"id", id_of_answer(conversation, "ctc")},
                {"call_id", id_of_answer(conversation, "call")},
                {"name", turn.tool},
                {"input", turn.arguments},
                {"status", "completed"}};
    }
    if (!turn.tool.empty()) {
        json::object call{{"type", "function_call"},
                          {"id", id_of_answer(conversation, "fc")},
                          {"call_id", id_of_answer(conversation, "call")},
                          {"name", turn.tool},
                          {"arguments", turn.arguments},
                          {"status", "completed"}};
        if (!tool.inside.empty()) call["namespace"] = tool.inside;
        return call;
    }
    return {{"type", "message"},
            {"id", id_of_answer(conversation, "msg")},
            {"role", "assistant"},
            {"status", "completed"},
            {"content",
             json::array{json::object{{"type", "output_text"}, {"text", turn.text}, {"annotations", json::array{}}}}}};
}

json::object response(const Conversation& conversation, const Turn& turn, const char* status, json::array output) {
    return {{"id", id_of_answer(conversation, "resp")},
            {"object", "response"},
            {"created_at", 1},
            {"status", status},
            {"model", conversation.model},
            {"output", std::move(output)},
            {"usage",
             {{"input_tokens", turn.input_tokens},
              {"input_tokens_details", {{"cached_tokens", 0}}},
              {"output_tokens", stand_in_output_tokens},
              {"output_tokens_details", {{"reasoning_tokens", 0}}},
              {"total_tokens", turn.input_tokens + stand_in_output_tokens}}}};
}

}  // namespace

Reply responses_reply(const Conversation& conversation, const Turn& turn) {
    const json::object item = output_item(conversation, turn);
    if (!conversation.streaming) {
        return {200, "application/json", json::serialize(response(conversation, turn, "completed", {item}))};
    }
    std::string body =
        named_event({{"type", "response.created"}, {"response", response(conversation, turn, "in_progress", {})}}) +
        named_event({{"type", "response.output_item.added"}, {"output_index", 0}, {"item", item}});
    if (turn.tool.empty()) {
        const auto [first, second] = halves(turn.text);
        for (const auto& piece : {first, second}) {
            body += named_event({{"type", "response.output_text.delta"},
                                 {"item_id", id_of_answer(conversation, "msg")},
                                 {"output_index", 0},
                                 {"content_index", 0},
                                 {"delta", piece}});
        }
    }
    body +=
        named_event({{"type", "response.output_item.done"}, {"output_index", 0}, {"item", item}}) +
        named_event({{"type", "response.completed"}, {"response", response(conversation, turn, "completed", {item})}});
    return {200, "text/event-stream", std::move(body)};
}

}  // namespace capsule
