// Documents in the shapes that people's configuration files have, many in one file: "=== name", then a line that says
// what is special about it where something is, then the text. A line may begin with \t or \b (a byte order mark) and
// end with \r or \c (no end of line).
#pragma once

#include <string>
#include <vector>

#include "tests/unit/write/temporary_home.hpp"

namespace capsule::testing {

struct Shape {
    std::string name;
    std::string special;  ///< "conflict", "stop: profile"; empty: nothing
    std::string text;
};

inline std::string shape_line(std::string line) {
    std::string start;
    while (line.starts_with("\\t") || line.starts_with("\\b")) {
        start += line[1] == 't' ? "\t" : "\xEF\xBB\xBF";
        line.erase(0, 2);
    }
    if (line.ends_with("\\c")) return start + line.substr(0, line.size() - 2);
    if (line.ends_with("\\r")) return start + line.substr(0, line.size() - 2) + "\r\n";
    return start + line + "\n";
}

/// The documents of shapes/<file>.
inline std::vector<Shape> shapes(const std::string& file) {
    std::vector<Shape> all;
    std::string rest = read_bytes(std::string(CAPSULE_TEST_DATA) + "/shapes/" + file);
    bool first = false;
    while (!rest.empty()) {
        const std::string line = rest.substr(0, rest.find('\n'));
        rest.erase(0, line.size() + 1);
        const bool special = line == "conflict" || line == "commented" || line == "unread" ||
                             line.starts_with("stop: ") || line.starts_with("pinned: ");
        if (line.starts_with("=== ")) {
            all.push_back({line.substr(4), "", ""});
        } else if (first && special) {
            all.back().special = line;
        } else {
            all.back().text += shape_line(line);
        }
        first = line.starts_with("=== ");
    }
    return all;
}

}  // namespace capsule::testing
