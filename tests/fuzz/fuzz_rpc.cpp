// Framing and JSON-RPC: the lines do not depend on how the bytes are cut; every request is answered with valid JSON.
#include <boost/json/parse.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/framing.hpp"
#include "protocol/json_rpc.hpp"
#include "tests/fuzz/require.hpp"

namespace {

using capsule::fuzz::require;

std::vector<std::string> lines_of(std::string_view input, std::size_t piece) {
    capsule::LineReader reader(4096);
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < input.size() && !reader.too_long(); at += piece) {
        reader.append(input.substr(at, piece));
        while (const auto line = reader.next())
            lines.emplace_back(*line);
    }
    if (!reader.too_long())
        if (const auto rest = reader.rest()) lines.emplace_back(*rest);
    return lines;
}

void answer(const std::string& line) {
    const auto parsed = capsule::parse_line(line);
    boost::json::error_code error;
    if (!parsed) {
        boost::json::parse(capsule::error_answer({}, parsed.error()), error);
        require(!error, "an error answer is JSON");
        return;
    }
    require(parsed->items.size() <= capsule::max_batch, "no more than a batch's size");
    for (const auto& item : parsed->items) {
        std::string text;
        if (const auto* request = std::get_if<capsule::Request>(&item)) {
            require(request->params.is_object() || request->params.is_array(), "params are structured");
            if (request->id) text = capsule::success_answer(*request->id, "{}");
        } else {
            const auto& wrong = std::get<capsule::NotARequest>(item);
            text = capsule::error_answer(wrong.id, wrong.error);
        }
        if (text.empty()) continue;
        boost::json::parse(text, error);
        require(!error, "an answer is JSON");
        require(capsule::parse_answer(text).has_value(), "the client can read the daemon's answer");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto whole = lines_of(input, size == 0 ? 1 : size);
    for (const std::string& line : whole)
        answer(line);
    if (input.size() <= 4096) require(lines_of(input, 1) == whole, "lines do not depend on how they arrive");
    return 0;
}
