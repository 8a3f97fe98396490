// Short ways to say what a JSON answer should hold.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace capsule::test {

namespace json = boost::json;

/// Throws std::runtime_error with the text when it is no JSON.
json::value parse(std::string_view text);

/// The value at a JSON pointer ("/key/state"). Throws std::runtime_error, with the whole value, when it is not there.
const json::value& at(const json::value& in, std::string_view pointer);
bool has(const json::value& in, std::string_view pointer);
std::string text_at(const json::value& in, std::string_view pointer);

std::vector<std::string> strings(const json::value& array);
std::map<std::string, std::string> string_map(const json::value& object);

/// The first member of the array whose `member` has that value. Throws std::runtime_error when there is none.
const json::value& find_by(const json::value& array, std::string_view member, std::string_view value);

/// The codes of [{code, message}], in order.
std::vector<std::string> codes(const json::value& warnings);

}  // namespace capsule::test
