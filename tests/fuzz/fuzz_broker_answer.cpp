// An answer's way back: nothing depends on how the bytes are cut, and nothing is lost but the key.
#include <cstdint>
#include <string>

#include "daemon/broker/control.hpp"
#include "daemon/broker/core/answer_reader.hpp"
#include "daemon/broker/core/chunks.hpp"
#include "daemon/broker/core/key_mask.hpp"
#include "daemon/broker/core/provider_limits.hpp"
#include "daemon/broker/core/rewrite.hpp"
#include "protocol/utf8.hpp"
#include "tests/fuzz/require.hpp"

namespace {

using namespace capsule::broker;
using capsule::fuzz::require;

struct Seen {
    Usage usage;
    bool is_error = false;
    std::string model, message, code, type, reset, asked, payload, masked;
    std::size_t body = 0;
    ChunkScanner::State state = ChunkScanner::State::more;
    bool operator==(const Seen&) const = default;
};

const KeyForms& fake_key() {
    static const KeyForms key{capsule::Secret("key-")};
    return key;
}

Seen look(std::string_view input, AnswerReader::Format format, std::size_t piece) {
    AnswerReader answer(format);
    RequestReader request;
    ChunkScanner chunks;
    KeyMask mask{fake_key()};
    Seen out;
    for (std::size_t at = 0; at < input.size(); at += piece) {
        const std::string_view part = input.substr(at, piece);
        answer.feed(part);
        request.feed(part);
        if (chunks.state() == ChunkScanner::State::more)
            out.body += chunks.scan(part, [&](std::string_view payload) { out.payload += payload; });
        out.masked += mask.feed(part);
    }
    out.masked += mask.finish();
    out.usage = answer.usage();
    out.model = answer.model();
    out.message = answer.message();
    out.code = answer.code();
    out.type = answer.type();
    out.reset = answer.reset();
    out.is_error = answer.is_error();
    out.asked = request.model();
    out.state = chunks.state();
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 8192) return 0;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    for (const auto format : {AnswerReader::Format::json, AnswerReader::Format::events}) {
        const Seen whole = look(input, format, size == 0 ? 1 : size);
        require(look(input, format, 1) == whole, "the same byte by byte");
        require(look(input, format, 7) == whole, "the same in pieces");
        require(whole.masked.size() == size && whole.masked.find("key-") == std::string::npos,
                "the key is masked in its place");
        require(whole.message.size() <= 500 && whole.model.size() <= 128, "little is kept");
        for (const std::string* text : {&whole.message, &whole.code, &whole.type, &whole.model, &whole.asked})
            require(capsule::is_utf8(*text), "what is told can be told in JSON");
        for (const auto& zone : {std::optional<std::string>(), std::optional<std::string>("+08:00")})
            require(capsule::is_utf8(reset_time({whole.message, whole.reset, {}}, zone, {}).value_or("")),
                    "a time that can be told");
    }
    if (const auto time = capsule::retry_time(input, {}))
        require(capsule::utc_time(capsule::utc_text(*time)) == time, "a time that reads as itself");
    require(without_secrets(input, fake_key()).find("cst_aaaaaaaa") == std::string::npos, "no token is kept");
    read_to_broker(input).has_value();
    if (const auto end = head_size(input))
        if (const auto head = read_response_head(input.substr(0, *end), "POST")) {
            const std::string given = response_for_agent(*head, true, "key-");
            require(read_response_head(given, "POST").has_value(), "what the agent gets is an answer");
            require(given.find("key-") == std::string::npos, "without the key");
        }
    return 0;
}
