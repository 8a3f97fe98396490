// An inventory whose programs are scripts in a directory of the test's.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/home/inventory.hpp"
#include "daemon/users/users.hpp"
#include "tests/unit/support/temp_dir.hpp"

namespace capsule {

namespace asio = boost::asio;

inline std::optional<AgentBinary> found_in(std::string_view path, std::string_view name, uid_t user = 0) {
    return find_binary(path, name, user).binary;
}

class Inventory : public testing::Test {
  protected:
    std::string path() const { return directory_.path() + ":/usr/bin:/bin"; }
    AgentBinary codex(const std::string& script) {
        directory_.program("codex", script);
        return found_in(path(), "codex").value();
    }
    /// What programs were given.
    std::string homes() const {
        std::string names;
        for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
            if (entry.is_directory()) names += entry.path().filename().string() + " ";
        return names;
    }
    std::size_t runs() const {
        std::ifstream log(directory_.path() + "/runs");
        std::string line;
        std::size_t count = 0;
        while (std::getline(log, line))
            ++count;
        return count;
    }

    TempDir directory_;
    asio::io_context io_;
    SubprocessRunner runner_;
    AgentInventory inventory_{io_.get_executor(), runner_, directory_.path()};
    SessionHome home_;
    std::shared_ptr<HomeWorker> worker_ = std::make_shared<HomeWorker>(SessionUser{}, true);
    AgentPlace place(uid_t asker = 1) const { return {home_, worker_, asker}; }
};

}  // namespace capsule
