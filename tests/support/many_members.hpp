#pragma once

#include <string>

namespace capsule::test {

/// {"0":0,"1":0,…}, with `first` before them where it is given ("\"a\":1").
inline std::string many_members(int count, const std::string& first = "") {
    std::string text = "{" + first;
    for (int i = 0; i < count; ++i)
        text += (text.size() > 1 ? ",\"" : "\"") + std::to_string(i) + "\":0";
    return text + "}";
}

}  // namespace capsule::test
