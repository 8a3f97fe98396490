#include "daemon/home/program_output.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cctype>

#include "protocol/utf8.hpp"

namespace capsule {
namespace {

constexpr std::size_t most_version = 64;  ///< bytes of a version
constexpr std::size_t most_said = 200;    ///< bytes of what a program said, in a message

std::string_view telling_line(std::string_view text) {
    std::string_view first;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        if (line.find("rror: ") != line.npos) return line;
        if (first.empty()) first = line;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return first;
}

}  // namespace

std::optional<std::string> version_in(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t end = std::min(text.find_first_of(" \t\r\n", at), text.size());
        if (end > at && std::isdigit(static_cast<unsigned char>(text[at])) != 0)
            return readable_text(text.substr(at, end - at), most_version);
        at = end + 1;
    }
    return std::nullopt;
}

std::string why_it_says(std::string_view text) {
    return readable_text(telling_line(text), most_said);
}

std::string how_it_ended(const SubprocessResult& result) {
    const std::string said = why_it_says(result.err);
    return fmt::format("it ended with {}{}", result.exit_code, said.empty() ? "" : ": " + said);
}

}  // namespace capsule
