// What the recorder answers: a stand-in for every provider, good for one turn and for one tool call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "client/recorder/conversation.hpp"
#include "client/recorder/recorded_request.hpp"

namespace capsule {

struct Reply {
    int status = 200;
    std::string content_type = "application/json";
    std::string body;
};

/// What the stand-in model does next. The prompt itself says it, so that the stand-in needs no state:
///   [[say TEXT]]            answer TEXT (default_answer without any directive)
///   [[run COMMAND]]         call the agent's shell tool; then answer with what the tool gave back
///   [[call NAME ARGUMENTS]] call the tool NAME with these JSON arguments; then likewise
///   [[fill TOKENS[,TOKENS] COMMAND]]
///                           call the shell tool, and for each number once more, counting what it has given by then as
///                           so many tokens; then answer with stand_in_summary, which is also what an agent gets that
///                           asks for a summary in between, and after that with after_summary
///   [[as MODEL]]            answer as MODEL, whatever was asked for
///   [[refuse STATUS BODY]]  answer with this HTTP status and this JSON, as a provider's refusal
/// The last directive of the user's text counts. A request that does not offer the tool (a title, say) gets an answer.
struct Turn {
    std::string text;       ///< the answer, when no tool is called
    std::string tool;       ///< empty: no tool call
    std::string arguments;  ///< JSON
    std::int64_t input_tokens = 10;
};

/// What every turn says that it took.
inline constexpr std::int64_t stand_in_output_tokens = 5;

inline constexpr std::string_view default_answer = "capsule-stand-in-answer";
inline constexpr std::string_view stand_in_summary = "capsule-stand-in-summary";
inline constexpr std::string_view after_summary = "capsule-went-on-after-the-summary";
/// The path of a page at every host; whoever is shown the page says page_answer.
inline constexpr std::string_view stand_in_page = "/capsule-stand-in-page";
inline constexpr std::string_view page_answer = "capsule-stand-in-page-was-read";

Turn next_turn(const Conversation& conversation);

/// The answer to any request: the model's turn, a token count, the page, or 404.
Reply reply_to(const RecordedRequest& request);

/// "<kind>_standin_<number>", another one for each state of a conversation: Claude Code takes a call of a tool whose id
/// it has seen for one that it has answered, leaves it out, and asks again, for ever.
std::string id_of_answer(const Conversation& conversation, std::string_view kind);

/// One turn in each protocol, streamed (server-sent events) or whole.
Reply anthropic_reply(const Conversation& conversation, const Turn& turn);
Reply chat_reply(const Conversation& conversation, const Turn& turn);
Reply responses_reply(const Conversation& conversation, const Turn& turn);

}  // namespace capsule
