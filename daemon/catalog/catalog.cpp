#include "daemon/catalog/catalog.hpp"

#include <algorithm>
#include <cctype>

#include "protocol/nearest.hpp"

namespace capsule {

bool Provider::alternative() const {
    return std::none_of(cells.begin(), cells.end(), [](const Cell& cell) { return cell.kind == CellKind::native; });
}

const Model* Provider::model(std::string_view name) const {
    const auto named = [&](std::string_view wanted) { return std::ranges::find(models, wanted, &Model::id); };
    auto found = named(name);
    if (found == models.end()) found = named(name.substr(0, name.find('[')));
    return found == models.end() ? nullptr : &*found;
}

const Provider* Catalog::find(std::string_view id) const {
    const auto found = std::find_if(providers.begin(), providers.end(), [&](const Provider& p) { return p.id == id; });
    return found == providers.end() ? nullptr : &*found;
}

std::optional<std::string_view> Catalog::meant_by(std::string_view word) const {
    const auto same = [word](std::string_view name) {
        return std::ranges::equal(word, name,
                                  [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
    };
    for (const Provider& provider : providers)
        if (same(provider.id) || same(provider.label) || same(provider.key_env) ||
            std::ranges::any_of(provider.other_names, same) || std::ranges::any_of(provider.other_key_names, same))
            return provider.id;
    for (const Provider& provider : providers)
        if (provider.model(word) != nullptr) return provider.id;
    return nearest(word, ids());
}

const Provider* Catalog::by_key_variable(std::string_view variable) const {
    const auto found =
        std::find_if(providers.begin(), providers.end(), [&](const Provider& p) { return p.key_env == variable; });
    return found == providers.end() ? nullptr : &*found;
}

std::vector<std::string_view> Catalog::ids() const {
    std::vector<std::string_view> out;
    out.reserve(providers.size());
    for (const Provider& provider : providers)
        out.push_back(provider.id);
    return out;
}

std::string_view builtin_value(std::string_view table, std::string_view key) {
    std::string_view text = builtin_providers_toml();
    const std::size_t header = text.find("\n[" + std::string(table) + "]\n");
    if (header == text.npos) return {};
    text.remove_prefix(header + 1);
    text = text.substr(0, text.find("\n["));
    const std::size_t line = text.find("\n" + std::string(key) + " = ");
    if (line == text.npos) return {};
    text.remove_prefix(line + key.size() + std::string_view("\n = ").size());
    return text.substr(0, text.find('\n'));
}

}  // namespace capsule
