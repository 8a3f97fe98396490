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

}  // namespace capsule
