// The keys that auth.set stores: auth.toml in the state directory, 0600, this daemon's alone.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "daemon/config/config.hpp"
#include "daemon/keys/key_resolver.hpp"
#include "protocol/errors.hpp"

namespace capsule {

class StoredKeys {
  public:
    enum class Unset { removed, was_not_set };

    /// Nothing stored, and nowhere to store.
    StoredKeys() = default;

    /// No file: nothing stored yet. config.conflict, with the line (of one that may hold a key, its name)
    /// and the nearest valid name, for a file that is no auth.toml; io.error for
    /// one that cannot be read.
    static Result<StoredKeys> load(std::string path);

    /// The table of exactly that scope; none when nothing is stored there.
    const EnvTable* table(const KeyScope& scope) const;

    /// Workspaces by name, each with its roles.
    const std::map<std::string, WorkspaceConfig>& workspaces() const { return tables_.workspaces; }

    /// Stores at that scope, on disk first; the file as it is now counts, not as it was loaded. An empty value means
    /// "ignore". A role without its workspace: invalid_params.
    Result<void> set(const std::string& variable, const KeyScope& scope, const Secret& value);
    Result<Unset> unset(const std::string& variable, const KeyScope& scope);

    const std::string& path() const { return path_; }

    /// Whether the file is in a container's own layer or in memory, and so is gone when the container or the machine
    /// is.
    bool are_lost_with_the_container() const;

  private:
    struct Tables {
        EnvTable env;
        std::map<std::string, WorkspaceConfig> workspaces;
    };
    static Result<Tables> parse(std::string_view text, const std::string& path);
    static std::string print(const Tables& tables);
    template <class Edit>
    Result<void> change(const KeyScope& scope, Edit edit);

    std::string path_;
    Tables tables_;
};

}  // namespace capsule
