// What is heard of a verification, and shown of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/commands/command.hpp"
#include "client/verify/verify_as_user.hpp"

namespace capsule {

/// From this process or from another user's, who can say anything.
class Verification {
  public:
    /// Both must outlive it.
    Verification(const Globals& globals, const std::vector<Subject>& subjects);

    /// Whether there is more to come.
    bool take(const VerifyMessage& message);
    /// A line that is no message.
    void note(std::string_view line);
    void interrupt() { interrupted_ = true; }
    void give_up(std::string message, std::string hint);

    /// Reports.
    ExitCode end() const;

  private:
    void tell_offline(bool offline);
    void add(CellVerdict verdict);
    void show_progress() const;

    const Globals& globals_;
    const std::vector<Subject>& subjects_;
    std::vector<CellVerdict> verdicts_;  ///< of the first ones
    std::optional<VerifyFailure> failure_;
    int notes_left_ = 100;
    bool offline_ = true;
    bool interrupted_ = false;
};

}  // namespace capsule
