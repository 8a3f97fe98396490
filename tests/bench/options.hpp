// "--name value" pairs of a command line, for the small programs of this folder.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace capsule::bench {

class Options {
  public:
    /// Reads pairs until the end or a lone "--"; what follows that is in rest().
    Options(int argc, char** argv) {
        int i = 1;
        for (; i < argc && std::string_view(argv[i]) != "--"; i += 2) {
            if (!std::string_view(argv[i]).starts_with("--") || i + 1 == argc)
                throw std::invalid_argument(std::string("not a --name value pair: ") + argv[i]);
            values_[argv[i] + 2].emplace_back(argv[i + 1]);
        }
        for (++i; i < argc; ++i)
            rest_.emplace_back(argv[i]);
    }

    const std::vector<std::string>& all(const std::string& name) const {
        static const std::vector<std::string> none;
        const auto found = values_.find(name);
        return found == values_.end() ? none : found->second;
    }
    std::string text(const std::string& name) const {
        if (all(name).empty()) throw std::invalid_argument("missing: --" + name);
        return all(name).back();
    }
    double number(const std::string& name, double otherwise) const {
        return all(name).empty() ? otherwise : std::stod(all(name).back());
    }
    const std::vector<std::string>& rest() const { return rest_; }

  private:
    std::map<std::string, std::vector<std::string>> values_;
    std::vector<std::string> rest_;
};

}  // namespace capsule::bench
