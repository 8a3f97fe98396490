// A trial's surroundings and its process.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "client/verify/check.hpp"
#include "client/verify/trial.hpp"
#include "protocol/errors.hpp"
#include "protocol/spawn_messages.hpp"

namespace capsule {

/// Cuts this process, which must have one thread only, off every network but a loopback of its own. False where the
/// kernel does not let an unprivileged user do that.
bool go_offline();

/// A directory under /tmp that goes with its object.
class ScratchDirectory {
  public:
    /// Throws Failure.
    ScratchDirectory();
    ~ScratchDirectory();
    ScratchDirectory(const ScratchDirectory&) = delete;
    ScratchDirectory& operator=(const ScratchDirectory&) = delete;
    const std::filesystem::path& path() const noexcept { return path_; }

  private:
    std::filesystem::path path_;
};

/// Copies the agent's own configuration, without logins and with every key in it replaced by `dummy_key`, and puts in
/// the files that are wholly ours as `plan` has them. What cannot be read is left out.
void copy_configuration(const ExplainResult& plan, const std::filesystem::path& temporary_home,
                        const std::string& dummy_key);

/// A project whose settings, of all three agents, point at project_path of the stand-in.
void write_project(const std::filesystem::path& project, std::uint16_t port);

/// Runs it in `directory`; its requests are left for the caller to add. A user's ^C ends it and sets `interrupted`.
/// It is ended at the limit, or where it writes more than 64 MiB; the last MiB of each output is kept.
/// Fails with io_error.
Result<TrialRun> start_and_wait(const std::vector<std::string>& argv, const std::map<std::string, std::string>& env,
                                const std::filesystem::path& directory, std::chrono::seconds limit);

}  // namespace capsule
