#include "client/recorder/recorded_request.hpp"

#include <algorithm>

namespace capsule {

namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::string_view RecordedRequest::path() const {
    return std::string_view(target).substr(0, target.find('?'));
}

std::string_view RecordedRequest::header(std::string_view name) const {
    const auto found = std::find_if(headers.begin(), headers.end(),
                                    [&](const auto& field) { return equal_ignoring_case(field.first, name); });
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace capsule
