#include "daemon/agents/plan.hpp"

namespace capsule {

std::string_view Variable::reveal() const {
    if (const Secret* key = std::get_if<Secret>(&value)) return key->reveal();
    return std::get<std::string>(value);
}

std::string Variable::shown() const {
    if (const Secret* key = std::get_if<Secret>(&value)) return mask(*key);
    return std::get<std::string>(value);
}

const std::string& path_of(const FileIntent& intent) {
    return std::visit([](const auto& each) -> const std::string& { return each.path; }, intent);
}

}  // namespace capsule
