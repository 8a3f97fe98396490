// Documents in the shapes that people's configuration files have, many in one file: "=== name", then a line that says
// what is special about it where something is, then the text. A line may begin with \t or \b (a byte order mark) and
// end with \r or \c (no end of line). tests/e2e/corpus.py tries them with the agents.
#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace capsule::test {

struct Shape {
    std::string name;
    /// Of config.toml "stop: profile"; of opencode.json "conflict", "commented", "unread"; of settings.json, as a
    /// project's, "held: <members> open: <members>". Empty: nothing.
    std::string special;
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

/// The documents of <folder>/<file>.
inline std::vector<Shape> shapes(const std::string& file,
                                 const std::string& folder = std::string(CAPSULE_TEST_DATA) + "/shapes") {
    std::vector<Shape> all;
    std::ostringstream bytes;
    bytes << std::ifstream(folder + "/" + file, std::ios::binary).rdbuf();
    std::string rest = bytes.str();
    bool first = false;
    while (!rest.empty()) {
        const std::string line = rest.substr(0, rest.find('\n'));
        rest.erase(0, line.size() + 1);
        const bool special = line == "conflict" || line == "commented" || line == "unread" ||
                             line.starts_with("stop: ") || line.starts_with("held: ") || line.starts_with("open: ");
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

}  // namespace capsule::test
