#include "client/recorder/reply.hpp"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <functional>
#include <vector>

namespace capsule {

namespace json = boost::json;

namespace {

struct Directive {
    std::string_view verb;
    std::string_view rest;
};

/// The last "[[verb rest]]" of the text.
std::optional<Directive> last_directive(std::string_view text) {
    const auto open = text.rfind("[[");
    if (open == std::string_view::npos) return std::nullopt;
    const auto close = text.find("]]", open);
    if (close == std::string_view::npos) return std::nullopt;
    const auto inside = text.substr(open + 2, close - open - 2);
    const auto space = inside.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    return Directive{inside.substr(0, space), inside.substr(space + 1)};
}

/// The agents' shell tools: Claude Code's, OpenCode's, and those of Codex, newest first.
std::optional<Turn> shell_call(const Conversation& conversation, std::string_view command) {
    for (const std::string_view tool : {"Bash", "bash", "shell_command"}) {
        if (!conversation.offers(tool)) continue;
        const json::object arguments{{"command", command}, {"description", "Runs the check's command"}};
        return Turn{"", std::string(tool), json::serialize(arguments)};
    }
    if (conversation.offers("exec_command")) {
        return Turn{"", "exec_command", json::serialize(json::object{{"cmd", command}})};
    }
    if (conversation.offers("shell")) {
        return Turn{"", "shell", json::serialize(json::object{{"command", {"bash", "-lc", command}}})};
    }
    if (conversation.offers("exec")) {  // native Codex's code mode: tools are called from JavaScript
        const std::string arguments = json::serialize(json::object{{"cmd", command}});
        return Turn{"", "exec", "const r = await tools.exec_command(" + arguments + "); text(r.output);"};
    }
    return std::nullopt;
}

/// Whether an agent asks for its conversation to be made shorter, in the words of Claude Code, Codex and OpenCode.
bool asks_for_summary(const Conversation& conversation) {
    const std::string& text = conversation.user_text;
    for (const char* words : {"detailed summary", "<summary>", "to summarize", "CONTEXT CHECKPOINT"})
        if (text.find(words) != std::string::npos) return true;
    return conversation.tools.empty() && text.find("ummar") != std::string::npos;
}

/// "12,34": none where it is something else.
std::vector<std::int64_t> numbers(std::string_view list) {
    std::vector<std::int64_t> out;
    const char* const end = list.data() + list.size();
    for (const char* at = list.data(); at < end; ++at) {  // past the comma
        std::int64_t number = 0;
        const auto read = std::from_chars(at, end, number);
        if (read.ec != std::errc() || (read.ptr != end && *read.ptr != ',')) return {};
        out.push_back(number);
        at = read.ptr;
    }
    return out;
}

std::optional<Turn> fill(const Conversation& conversation, std::string_view rest) {
    const auto space = rest.find(' ');
    const std::vector<std::int64_t> tokens = numbers(rest.substr(0, space));
    if (space == std::string_view::npos || tokens.empty()) return std::nullopt;
    const std::size_t called = conversation.tool_outputs.size();
    std::optional<Turn> turn;
    if (conversation.all_text.find(stand_in_summary) != std::string::npos) {
        turn = Turn{std::string(after_summary), "", ""};
    } else if (called > tokens.size() || asks_for_summary(conversation)) {
        turn = Turn{std::string(stand_in_summary), "", ""};
    } else {
        turn = shell_call(conversation, rest.substr(space + 1));
    }
    if (turn && called > 0) turn->input_tokens = tokens[std::min(called, tokens.size()) - 1];
    return turn;
}

std::optional<Turn> named_call(const Conversation& conversation, std::string_view rest) {
    const auto space = rest.find(' ');
    const auto tool = rest.substr(0, space);
    if (space == std::string_view::npos || !conversation.offers(tool)) return std::nullopt;
    return Turn{"", std::string(tool), std::string(rest.substr(space + 1))};
}

std::optional<Reply> refusal(std::string_view rest) {
    const auto space = rest.find(' ');
    Reply reply;
    const auto read = std::from_chars(rest.data(), rest.data() + std::min(space, rest.size()), reply.status);
    if (space == std::string_view::npos || read.ec != std::errc()) return std::nullopt;
    reply.body = rest.substr(space + 1);
    // OpenCode puts its prompt between quotes, and a backslash before those within.
    for (auto at = reply.body.find("\\\""); at != std::string::npos; at = reply.body.find("\\\"", at))
        reply.body.erase(at, 1);
    return reply;
}

Reply error_reply(int status, std::string_view message) {
    const json::object error{{"type", "invalid_request_error"}, {"message", message}};
    return {status, "application/json", json::serialize(json::object{{"type", "error"}, {"error", error}})};
}

}  // namespace

Turn next_turn(const Conversation& conversation) {
    const auto directive = last_directive(conversation.user_text);
    std::optional<Turn> turn;
    if (directive && directive->verb == "fill") turn = fill(conversation, directive->rest);
    // OpenCode shows neither the summary's writer nor who goes on after it the prompt as it was.
    if (!directive && conversation.all_text.find(stand_in_summary) != std::string::npos)
        turn = Turn{std::string(after_summary), "", ""};
    if (!directive && !turn && conversation.tools.empty() && asks_for_summary(conversation))
        turn = Turn{std::string(stand_in_summary), "", ""};
    if (turn) return *turn;
    if (!conversation.tool_outputs.empty()) return {"tool output: " + conversation.tool_outputs.back(), "", ""};
    if (directive && directive->verb == "say") turn = Turn{std::string(directive->rest), "", ""};
    if (directive && directive->verb == "run") turn = shell_call(conversation, directive->rest);
    if (directive && directive->verb == "call") turn = named_call(conversation, directive->rest);
    return turn.value_or(Turn{std::string(default_answer), "", ""});
}

std::string id_of_answer(const Conversation& conversation, std::string_view kind) {
    return std::string(kind) + "_standin_" + std::to_string(std::hash<std::string>()(conversation.all_text));
}

Reply reply_to(const RecordedRequest& request) {
    if (auto conversation = parse_conversation(request)) {
        const auto directive = last_directive(conversation->user_text);
        if (directive && directive->verb == "refuse")
            if (auto refused = refusal(directive->rest)) return *std::move(refused);
        const std::string as(directive && directive->verb == "as" ? directive->rest : std::string_view());
        if (!as.empty()) conversation->model = as;
        const Turn turn = next_turn(*conversation);
        switch (conversation->protocol) {
            case WireProtocol::anthropic_messages:
                return anthropic_reply(*conversation, turn);
            case WireProtocol::chat_completions:
                return chat_reply(*conversation, turn);
            case WireProtocol::openai_responses:
                return responses_reply(*conversation, turn);
        }
    }
    if (request.method == "GET" && request.path() == stand_in_page) {
        return {200, "text/plain", "[[say " + std::string(page_answer) + "]]"};
    }
    if (request.method == "POST" && request.path().ends_with("/count_tokens")) {
        return {200, "application/json", R"({"input_tokens":10})"};
    }
    if (!request.header("Upgrade").empty()) {
        return error_reply(426, "the stand-in speaks no WebSocket");  // Codex then goes on over HTTP at once
    }
    return error_reply(404, "the stand-in has no such endpoint");
}

}  // namespace capsule
