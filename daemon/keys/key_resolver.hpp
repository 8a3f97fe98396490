// Where a key comes from: the first source that has it wins. No waiting here; an op:// reference is handed back.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/secret.hpp"
#include "daemon/config/config.hpp"
#include "daemon/routing/choices.hpp"
#include "protocol/errors.hpp"

namespace capsule {

struct KeyScope {
    std::optional<std::string> workspace;
    std::optional<std::string> role;
};

/// What one source says of a variable.
struct KeyFinding {
    KeyState state = KeyState::absent;
    Secret value{};                ///< when present
    std::string reference{};       ///< when unresolved: "op://…"
    std::optional<Error> error{};  ///< when error
    /// "auth.toml", "capsule.toml:12", "environment", "ZAI_API_KEY_FILE", "systemd credential",
    /// "/run/secrets/ZAI_API_KEY"
    std::string source{};
    std::string scope{};                 ///< role, workspace, global, container
    std::vector<std::string> also_in{};  ///< sources below that have it too and lost
};

/// What `auth.set` has stored, by scope; an empty value means "ignore".
class StoredKeys;

/// For one request, or one pass over sessions. The container's directories are looked at when it is made, and each of
/// its files is read once, however many scopes are asked for: whoever asks for sessions may name a thousand.
class KeyResolver {
  public:
    struct Sources {
        const Config* config = nullptr;
        const std::map<std::string, Secret>* environment = nullptr;
        const StoredKeys* stored = nullptr;                ///< none: nothing stored
        std::optional<std::string> credentials_directory;  ///< $CREDENTIALS_DIRECTORY
        std::string secrets_directory = "/run/secrets";
        /// An op:// that was read already; none: not yet.
        std::function<std::optional<Result<Secret>>(const std::string& reference)> remembered;
    };

    explicit KeyResolver(Sources sources);

    /// The first source that says anything of `variable`.
    KeyFinding find(const std::string& variable, const KeyScope& scope) const;

    /// Whether any workspace or role has it.
    bool in_any_scope(const std::string& variable) const;

    /// The container's files that find() looks for, whether they are there or not.
    std::vector<std::string> files(const std::string& variable) const { return files(variable, false); }

    /// Those of every provider of the catalog, and of the agents' own accounts. Also in directories that are closed
    /// now.
    std::vector<std::string> files(const Catalog& catalog) const;

    /// Where in the container `variable` stands without a value: "the variable ZAI_API_KEY",
    /// "/run/secrets/ZAI_API_KEY".
    std::vector<std::string> empty_places(const std::string& variable) const;

  private:
    std::vector<std::string> files(const std::string& variable, bool in_closed_directories) const;
    /// Calls add(std::optional<KeyFinding>) with what each place says, best first.
    template <class Add>
    void look_in_container(const std::string& variable, Add add) const;
    const std::vector<KeyFinding>& in_container(const std::string& variable) const;

    Sources sources_;
    /// By variable, what look_in_container() has found. Copies of a resolver share it.
    std::shared_ptr<std::map<std::string, std::vector<KeyFinding>>> read_ =
        std::make_shared<std::map<std::string, std::vector<KeyFinding>>>();
    bool credentials_closed_;
    bool secrets_closed_;
};

}  // namespace capsule
