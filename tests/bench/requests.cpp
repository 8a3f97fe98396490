#include "tests/bench/requests.hpp"

#include <array>
#include <charconv>
#include <stdexcept>

namespace capsule::bench {

namespace {

constexpr std::string_view id_mark = "@ID@";

[[noreturn]] void refuse(const std::string& why, std::string_view reply) {
    throw std::runtime_error(why + " in the reply: " + std::string(reply.substr(0, 200)));
}

}  // namespace

Requests::Requests(const std::vector<std::string>& templates, std::uint64_t first_id) : next_id_(first_id) {
    for (const std::string& text : templates) {
        std::vector<std::string>& parts = parts_.emplace_back();
        std::size_t begin = 0;
        for (auto mark = text.find(id_mark); mark != std::string::npos; mark = text.find(id_mark, begin)) {
            parts.push_back(text.substr(begin, mark - begin));
            begin = mark + id_mark.size();
        }
        parts.push_back(text.substr(begin));
    }
    if (parts_.empty()) throw std::invalid_argument("missing: --request");
}

std::uint64_t Requests::append_next(std::string& out) {
    const std::vector<std::string>& parts = parts_[turn_];
    if (++turn_ == parts_.size()) turn_ = 0;
    const std::uint64_t id = next_id_++;
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), id).ptr;
    out += parts.front();
    for (std::size_t i = 1; i < parts.size(); ++i)
        out.append(digits.data(), end).append(parts[i]);
    return id;
}

void check_reply(std::string_view reply, std::uint64_t id, const std::vector<std::string>& expected) {
    const std::string member = "\"id\":" + std::to_string(id);
    const auto at = reply.find(member);
    if (at == std::string_view::npos || (reply[at + member.size()] != ',' && reply[at + member.size()] != '}'))
        refuse("no " + member, reply);
    for (const std::string& text : expected)
        if (reply.find(text) == std::string_view::npos) refuse("no " + text, reply);
}

}  // namespace capsule::bench
