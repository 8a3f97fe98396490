// A capsule in which a key can be put at every place that keys come from.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "daemon/keys/key_resolver.hpp"
#include "daemon/keys/stored_keys.hpp"

namespace capsule::test {

inline const std::string variable = "ZAI_API_KEY";

/// A directory that goes with its contents.
class TemporaryDirectory {
  public:
    TemporaryDirectory();
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    const std::string& path() const { return path_; }
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

void write_file(const std::string& path, std::string_view text);
std::string read_text(const std::string& path);
mode_t mode_of(const std::string& path);

class Capsule {
  public:
    Capsule();

    Config config;
    std::map<std::string, Secret> environment;
    StoredKeys stored;
    TemporaryDirectory directory;
    std::string credentials = directory / "credentials";
    std::string secrets = directory / "secrets";
    std::map<std::string, Result<Secret>> remembered;

    void set_env(const std::string& name, std::string_view value);
    static EnvValue entry(std::string_view value, int line) {
        return {Secret(value), "capsule.toml:" + std::to_string(line)};
    }

    KeyResolver resolver() const;
    KeyFinding find(const KeyScope& scope = {}) const { return resolver().find(variable, scope); }
};

}  // namespace capsule::test
