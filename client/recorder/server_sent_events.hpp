// The text/event-stream format, and what the three replies share.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <string>

namespace capsule {

/// "event: <type>\ndata: <json>\n\n"; the type is the object's own "type".
inline std::string named_event(const boost::json::object& data) {
    return "event: " + std::string(data.at("type").as_string()) + "\ndata: " + boost::json::serialize(data) + "\n\n";
}

/// "data: <json>\n\n"
inline std::string plain_event(const boost::json::object& data) {
    return "data: " + boost::json::serialize(data) + "\n\n";
}

/// The halves of a text: agents must join a streamed answer's pieces.
inline std::pair<std::string, std::string> halves(const std::string& text) {
    return {text.substr(0, text.size() / 2), text.substr(text.size() / 2)};
}

}  // namespace capsule
