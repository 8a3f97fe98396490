// JSON as people and scripts want to see it. (Boost.JSON's serialize writes 1.5 as 1.5E0 and has no indented form.)
#pragma once

#include <boost/json/value.hpp>
#include <string>

namespace capsule {

/// On one line, or indented by two spaces. Without a line end.
std::string json_text(const boost::json::value& value, bool indented);

}  // namespace capsule
