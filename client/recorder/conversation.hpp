// What a recorded body says, the same for the three wire protocols.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/recorder/recorded_request.hpp"

namespace capsule {

enum class WireProtocol {
    anthropic_messages,  ///< POST …/messages
    chat_completions,    ///< POST …/chat/completions
    openai_responses,    ///< POST …/responses
};

std::string_view name_of(WireProtocol protocol) noexcept;

struct OfferedTool {
    std::string type;  ///< "function", "custom", …; empty where the protocol names none
    std::string name;
    std::string inside;  ///< the namespace that it is in, where the Responses API groups tools; empty: none
};

/// A request that carries a prompt.
struct Conversation {
    WireProtocol protocol = WireProtocol::anthropic_messages;
    std::string model;
    bool streaming = false;
    std::string user_text;  ///< all that the user role said, in order
    std::string all_text;   ///< what every role said, as the body has it
    std::vector<OfferedTool> tools;
    std::vector<std::string> tool_outputs;  ///< in order; what tools answered so far

    bool offers(std::string_view tool) const;
};

/// The wire protocol that a path belongs to; none: it carries no prompt (models, count_tokens, telemetry).
std::optional<WireProtocol> protocol_of(std::string_view path) noexcept;

/// None if the request carries no prompt, or its body is not JSON.
std::optional<Conversation> parse_conversation(const RecordedRequest& request);

}  // namespace capsule
