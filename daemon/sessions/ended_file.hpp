// The sessions that have ended, for `sessions --all` after the daemon's next start: a line each, added when one ends.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/state_directory.hpp"
#include "daemon/sessions/session.hpp"
#include "protocol/errors.hpp"

namespace capsule {

/// One line. No token, no key and no hash of one is in it.
struct KeptEnd {
    SessionRecord session;
    KeptCounts counts;
    std::string reason;
    std::string at;  ///< RFC 3339, UTC
};
BOOST_DESCRIBE_STRUCT(KeptEnd, (), (session, counts, reason, at))

class EndedFile {
  public:
    /// Nowhere to keep them.
    EndedFile() = default;
    /// Nothing is read or made yet.
    explicit EndedFile(std::shared_ptr<StateDirectory> state)
        : state_(std::move(state)), path_(state_->path().empty() ? "" : state_->path() + "/sessions/ended.jsonl") {}

    /// Those that the daemon before left, the oldest first; of one session the last line counts. What cannot be read
    /// is left out.
    std::vector<KeptEnd> load();

    /// Of a file that has grown large its latest half stays. Fails with io.error.
    Result<void> add(const KeptEnd& end);

    /// These in the place of all, at once. Fails with io.error: then nothing changes.
    Result<void> replace(const std::vector<KeptEnd>& ends);

    static constexpr std::uint64_t largest = 1024 * 1024;  ///< bytes

  private:
    std::shared_ptr<StateDirectory> state_;
    std::string path_;
    std::uint64_t size_ = 0;
};

}  // namespace capsule
