// What installed programs told of their models, and who asked for it: nobody makes what others use forgotten.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "daemon/agents/session.hpp"
#include "daemon/process/shared_run.hpp"

namespace capsule {

/// By the binary and the PATH that it had. Of one thread.
class AskedModels {
  public:
    /// A binary whose models are known or asked for.
    struct Asked {
        std::optional<ModelList> known;
        std::map<uid_t, std::shared_ptr<SharedRun<ModelList>>> lookups;  ///< under way, by asker
        std::map<uid_t, std::uint64_t> askers;                           ///< when each did so last

        bool is_looked_up_by(uid_t asker) const;
    };

    /// `asker` asks for that binary's. Forgets another one that it asked for where it has too many, and where there are
    /// too many in all; none of which its own lookup is under way. What this gives is good until the next call.
    Asked& by(uid_t asker, const std::string& key);

    /// What the asker's lookup found. A failure is not remembered.
    void answer(uid_t asker, const std::string& key, const ModelList& found);

    /// Not copied for each who looks: a key has a PATH of any length in it.
    std::shared_ptr<const std::map<std::string, ModelList>> known() const;

  private:
    void forget_what_is_too_much(uid_t asker, const Asked& asked);
    bool forget_one_of(uid_t asker, const Asked& but);

    std::map<std::string, Asked> by_binary_;
    mutable std::shared_ptr<const std::map<std::string, ModelList>> known_;  ///< none: to be made anew
    std::uint64_t count_ = 0;                                                ///< of the questions
};

}  // namespace capsule
