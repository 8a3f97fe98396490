#include "tests/support/json.hpp"

#include <stdexcept>

namespace capsule::test {

json::value parse(std::string_view text) {
    json::error_code problem;
    json::value out = json::parse(text, problem);
    if (problem) throw std::runtime_error("not JSON: " + std::string(text));
    return out;
}

const json::value& at(const json::value& in, std::string_view pointer) {
    json::error_code problem;
    const json::value* found = in.find_pointer(pointer, problem);
    if (!found) throw std::runtime_error("no " + std::string(pointer) + " in " + json::serialize(in));
    return *found;
}

bool has(const json::value& in, std::string_view pointer) {
    json::error_code problem;
    return in.find_pointer(pointer, problem) != nullptr;
}

std::string text_at(const json::value& in, std::string_view pointer) {
    const json::value& found = at(in, pointer);
    if (!found.is_string()) throw std::runtime_error(std::string(pointer) + " is no string: " + json::serialize(found));
    return std::string(found.get_string());
}

std::vector<std::string> strings(const json::value& array) {
    std::vector<std::string> out;
    for (const json::value& item : array.as_array())
        out.emplace_back(item.as_string());
    return out;
}

std::map<std::string, std::string> string_map(const json::value& object) {
    std::map<std::string, std::string> out;
    for (const auto& [name, item] : object.as_object())
        out.emplace(name, item.as_string());
    return out;
}

const json::value& find_by(const json::value& array, std::string_view member, std::string_view value) {
    for (const json::value& item : array.as_array())
        if (const json::value* found = item.as_object().if_contains(member);
            found && found->is_string() && std::string_view(found->get_string()) == value)
            return item;
    throw std::runtime_error("none with " + std::string(member) + " " + std::string(value) + " in " +
                             json::serialize(array));
}

std::vector<std::string> codes(const json::value& warnings) {
    std::vector<std::string> out;
    for (const json::value& warning : warnings.as_array())
        out.push_back(text_at(warning, "/code"));
    return out;
}

}  // namespace capsule::test
