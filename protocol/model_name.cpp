#include "protocol/model_name.hpp"

#include <algorithm>

namespace capsule {
namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool same_model(std::string_view asked, std::string_view answered) {
    if (answered.size() < asked.size()) return false;
    const bool begins =
        std::equal(asked.begin(), asked.end(), answered.begin(), [](char a, char b) { return lower(a) == lower(b); });
    if (!begins) return false;
    const std::string_view rest = answered.substr(asked.size());
    constexpr std::size_t digits_of_a_date = 8;
    return rest.empty() || (rest.starts_with('-') &&
                            std::ranges::count_if(rest, [](char c) { return c >= '0' && c <= '9'; }) ==
                                static_cast<std::ptrdiff_t>(digits_of_a_date) &&
                            rest.find_first_not_of("0123456789-") == rest.npos);
}

}  // namespace capsule
