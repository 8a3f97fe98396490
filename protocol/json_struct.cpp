#include "protocol/json_struct.hpp"

#include <array>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "protocol/agents.hpp"
#include "protocol/nearest.hpp"

namespace capsule::detail {
namespace {

std::string_view kind_of(const boost::json::value& value) {
    switch (value.kind()) {
        case boost::json::kind::null:
            return "null";
        case boost::json::kind::bool_:
            return "a boolean";
        case boost::json::kind::string:
            return "a string";
        case boost::json::kind::array:
            return "an array";
        case boost::json::kind::object:
            return "an object";
        default:
            return "a number";
    }
}

/// Characters that stand in a JSON text as they are.
constexpr auto is_plain = [] {
    std::array<bool, 256> plain{};
    for (std::size_t c = 0; c < plain.size(); ++c)
        plain[c] = c >= 0x20 && c != '"' && c != '\\';
    return plain;
}();

/// Whether one of eight characters is none of these. Nearly no text has one.
bool has_special(const char* eight) {
    constexpr std::uint64_t ones = 0x0101010101010101, highs = ones * 0x80;
    std::uint64_t bytes;
    std::memcpy(&bytes, eight, sizeof bytes);
    const auto zero_in = [](std::uint64_t word) { return (word - ones) & ~word; };
    const std::uint64_t below_space = (bytes - ones * 0x20) & ~bytes;
    return ((below_space | zero_in(bytes ^ (ones * '"')) | zero_in(bytes ^ (ones * '\\'))) & highs) != 0;
}

constexpr std::string_view ask_discover = "call rpc.discover for each method's params";

std::string hint_for(std::string_view path) {
    if (path != "params.agent") return std::string(ask_discover);
    return the_agents();
}

}  // namespace

Error wrong_type(std::string_view path, std::string_view expected, const boost::json::value& got) {
    return {ErrorCode::invalid_params,
            std::string(path) + ": expected " + std::string(expected) + ", got " + std::string(kind_of(got)),
            hint_for(path)};
}

Error missing_member(std::string_view path, std::string_view member) {
    return {ErrorCode::invalid_params, std::string(path) + ": \"" + std::string(member) + "\" is missing",
            hint_for(child(path, member))};
}

Error unknown_member(std::string_view path, std::string_view member, const std::vector<std::string_view>& known) {
    const auto near = nearest(member, known);
    return {ErrorCode::invalid_params, std::string(path) + ": unknown member \"" + std::string(member) + "\"",
            near ? "did you mean \"" + std::string(*near) + "\"?" : std::string(ask_discover)};
}

std::string child(std::string_view path, std::string_view member) {
    return std::string(path) + "." + std::string(member);
}

Result<void> read(bool& out, const boost::json::value& in, std::string_view path) {
    if (!in.is_bool()) return wrong_type(path, "a boolean", in);
    out = in.get_bool();
    return {};
}

Result<void> read(double& out, const boost::json::value& in, std::string_view path) {
    if (!in.is_number()) return wrong_type(path, "a number", in);
    out = in.to_number<double>();
    return {};
}

Result<void> read(std::string& out, const boost::json::value& in, std::string_view path) {
    if (!in.is_string()) return wrong_type(path, "a string", in);
    out.assign(in.get_string().data(), in.get_string().size());
    return {};
}

Result<void> read_integer(std::int64_t& out, const boost::json::value& in, std::string_view path, std::int64_t low,
                          std::int64_t high) {
    if (in.is_int64())
        out = in.get_int64();
    else if (in.is_uint64() && in.get_uint64() <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        out = static_cast<std::int64_t>(in.get_uint64());  // a value of our own making: the parser gives int64 here
    else
        return wrong_type(path, "an integer", in);
    if (out < low || out > high) return wrong_type(path, "an integer of its range", in);
    return {};
}

void write(std::string& out, bool value) {
    out += value ? "true" : "false";
}

void write(std::string& out, double value) {
    out += boost::json::serialize(boost::json::value(value));
}

void write(std::string& out, std::int64_t value) {
    out += std::to_string(value);
}

void write(std::string& out, std::uint64_t value) {
    out += std::to_string(value);
}

void write(std::string& out, std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    constexpr std::string_view special = "\"\\\b\f\n\r\t";
    constexpr std::string_view letters = "\"\\bfnrt";
    out += '"';
    for (std::size_t end = 0;;) {
        while (end + 8 <= text.size() && !has_special(text.data() + end))
            end += 8;
        while (end < text.size() && is_plain[static_cast<unsigned char>(text[end])])
            ++end;
        out.append(text.data(), end);
        if (end == text.size()) break;
        const char c = text[end];
        out += '\\';
        if (const std::size_t at = special.find(c); at != special.npos)
            out += letters[at];
        else
            out.append("u00").append({digits[static_cast<unsigned char>(c) >> 4U], digits[c & 0xF]});
        text.remove_prefix(end + 1);
        end = 0;
    }
    out += '"';
}

void write(std::string& out, const boost::json::value& value) {
    out += boost::json::serialize(value);
}

}  // namespace capsule::detail

namespace capsule {

boost::json::value without_nulls(boost::json::value in) {
    if (in.is_array()) {
        for (boost::json::value& item : in.get_array())
            item = without_nulls(std::move(item));
        return in;
    }
    if (!in.is_object()) return in;
    boost::json::object kept;
    for (auto& [name, member] : in.get_object())
        if (!member.is_null()) kept.emplace(name, without_nulls(std::move(member)));
    return kept;
}

}  // namespace capsule
