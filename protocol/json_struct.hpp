// Described structs (messages.hpp) to JSON and back. The one params reader: every member that is missing, unknown or
// of the wrong type is named with its path.
//
// Boost.JSON 1.81's own value_to refuses absent optionals and names no member, hence this.
#pragma once

#include <algorithm>
#include <boost/describe/members.hpp>
#include <boost/json/value.hpp>
#include <boost/mp11/algorithm.hpp>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "protocol/errors.hpp"

namespace capsule {

/// How to treat what the reader does not know.
enum class Unknown {
    refuse,  ///< params: a typo is never ignored
    ignore,  ///< results: a newer daemon may say more
};

namespace detail {

template <class T>
concept Described = boost::describe::has_describe_members<T>::value && !std::is_union_v<T>;

template <class T>
using Members = boost::describe::describe_members<T, boost::describe::mod_public>;

/// The name on the wire: a trailing '_' is there only because the name is a C++ keyword.
constexpr std::string_view wire_name(std::string_view name) {
    if (name.ends_with('_')) name.remove_suffix(1);
    return name;
}

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsStringMap : std::false_type {};
template <class T>
struct IsStringMap<std::map<std::string, T>> : std::true_type {};

/// "params.scope: expected a string, got a number" with the hint that every such error carries.
Error wrong_type(std::string_view path, std::string_view expected, const boost::json::value& got);
Error missing_member(std::string_view path, std::string_view member);
/// Names the nearest of `known`, if one is near.
Error unknown_member(std::string_view path, std::string_view member, const std::vector<std::string_view>& known);
std::string child(std::string_view path, std::string_view member);

Result<void> read(bool& out, const boost::json::value& in, std::string_view path);
Result<void> read(double& out, const boost::json::value& in, std::string_view path);
Result<void> read(std::string& out, const boost::json::value& in, std::string_view path);
Result<void> read_integer(std::int64_t& out, const boost::json::value& in, std::string_view path, std::int64_t low,
                          std::int64_t high);

void write(std::string& out, bool value);
void write(std::string& out, double value);
void write(std::string& out, std::int64_t value);
void write(std::string& out, std::uint64_t value);
void write(std::string& out, std::string_view text);
void write(std::string& out, const boost::json::value& value);

}  // namespace detail

template <class T>
boost::json::value to_json(const T& in) {
    if constexpr (detail::IsOptional<T>::value) {
        return in ? to_json(*in) : boost::json::value(nullptr);
    } else if constexpr (detail::IsVector<T>::value) {
        boost::json::array out;
        out.reserve(in.size());
        for (const auto& item : in)
            out.push_back(to_json(item));
        return out;
    } else if constexpr (detail::IsStringMap<T>::value) {
        boost::json::object out;
        out.reserve(in.size());
        for (const auto& [name, item] : in)
            out.emplace(name, to_json(item));
        return out;
    } else if constexpr (detail::Described<T>) {
        boost::json::object out;
        boost::mp11::mp_for_each<detail::Members<T>>(
            [&](auto member) { out.emplace(detail::wire_name(member.name), to_json(in.*member.pointer)); });
        return out;
    } else {
        return boost::json::value(in);
    }
}

/// Appends the text of to_json(in). The answers of the daemon are written in this way: a value for each of their
/// hundreds of members would cost more than all the rest of a launch's answer.
template <class T>
void write_json(std::string& out, const T& in) {
    [[maybe_unused]] const auto separate = [&out](char opening) {
        if (out.back() != opening) out += ',';
    };
    if constexpr (detail::IsOptional<T>::value) {
        if (in)
            write_json(out, *in);
        else
            out += "null";
    } else if constexpr (detail::IsVector<T>::value) {
        out += '[';
        for (const auto& item : in) {
            separate('[');
            write_json(out, item);
        }
        out += ']';
    } else if constexpr (detail::IsStringMap<T>::value) {
        out += '{';
        for (const auto& [name, item] : in) {
            separate('{');
            detail::write(out, std::string_view(name));
            out += ':';
            write_json(out, item);
        }
        out += '}';
    } else if constexpr (detail::Described<T>) {
        out += '{';
        boost::mp11::mp_for_each<detail::Members<T>>([&](auto member) {
            separate('{');
            out.append("\"").append(detail::wire_name(member.name)).append("\":");
            write_json(out, in.*member.pointer);
        });
        out += '}';
    } else if constexpr (std::convertible_to<const T&, std::string_view>) {
        detail::write(out, std::string_view(in));
    } else if constexpr (std::unsigned_integral<T> && !std::same_as<T, bool>) {
        detail::write(out, static_cast<std::uint64_t>(in));
    } else if constexpr (std::integral<T> && !std::same_as<T, bool>) {
        detail::write(out, static_cast<std::int64_t>(in));
    } else {
        detail::write(out, in);
    }
}

/// Params as JSON, without the optional members that are not set: a daemon refuses null for them.
boost::json::value without_nulls(boost::json::value in);

/// `path` names the value in errors ("params").
template <class T>
Result<void> from_json(T& out, const boost::json::value& in, std::string_view path, Unknown unknown) {
    if constexpr (detail::IsOptional<T>::value) {
        // null stands for "none" only where we wrote it ourselves, in results.
        if (in.is_null() && unknown == Unknown::ignore) {
            out.reset();
            return {};
        }
        return from_json(out.emplace(), in, path, unknown);
    } else if constexpr (detail::IsVector<T>::value) {
        if (!in.is_array()) return detail::wrong_type(path, "an array", in);
        out.clear();
        for (std::size_t i = 0; i < in.get_array().size(); ++i) {
            const std::string where = std::string(path) + "[" + std::to_string(i) + "]";
            if (auto done = from_json(out.emplace_back(), in.get_array()[i], where, unknown); !done) return done;
        }
        return {};
    } else if constexpr (detail::IsStringMap<T>::value) {
        if (!in.is_object()) return detail::wrong_type(path, "an object", in);
        out.clear();
        for (const auto& [name, item] : in.get_object())
            if (auto done = from_json(out[std::string(name)], item, detail::child(path, name), unknown); !done)
                return done;
        return {};
    } else if constexpr (detail::Described<T>) {
        if (!in.is_object()) return detail::wrong_type(path, "an object", in);
        const boost::json::object& object = in.get_object();
        Result<void> done;
        std::size_t taken = 0;
        std::vector<std::string_view> known;
        boost::mp11::mp_for_each<detail::Members<T>>([&](auto member) {
            const std::string_view name = detail::wire_name(member.name);
            known.push_back(name);
            using Member = std::remove_cvref_t<decltype(out.*member.pointer)>;
            const auto found = object.find(name);
            if (found == object.end()) {
                constexpr bool may_miss = detail::IsOptional<Member>::value || detail::IsStringMap<Member>::value;
                if (done && !may_miss) done = detail::missing_member(path, name);
                return;
            }
            ++taken;
            if (done) done = from_json(out.*member.pointer, found->value(), detail::child(path, name), unknown);
        });
        // An unknown member first: a misspelt one is the likelier reason for a missing one.
        if (unknown == Unknown::refuse && taken != object.size())
            for (const auto& [name, item] : object)
                if (std::find(known.begin(), known.end(), std::string_view(name)) == known.end())
                    return detail::unknown_member(path, name, known);
        return done;
    } else if constexpr (std::integral<T> && !std::same_as<T, bool>) {
        std::int64_t number = 0;
        const auto high = static_cast<std::int64_t>(
            std::min<std::uintmax_t>(std::numeric_limits<T>::max(), std::numeric_limits<std::int64_t>::max()));
        auto done =
            detail::read_integer(number, in, path, static_cast<std::int64_t>(std::numeric_limits<T>::min()), high);
        if (done) out = static_cast<T>(number);
        return done;
    } else {
        return detail::read(out, in, path);
    }
}

}  // namespace capsule
