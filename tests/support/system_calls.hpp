// Another process's system calls, one by one: to kill it right before any of them, or to make that one fail.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace capsule::test {

enum class Calls {
    all,
    files,   ///< those that open, read, write, name or look at files
    memory,  ///< those that get memory
};

struct Fault {
    std::size_t at = 0;  ///< which of those calls, from 0
    Calls of = Calls::all;
    std::optional<int> error{};  ///< none: SIGKILL before it takes place; else this errno in its place
};

struct Met {
    bool fault = false;  ///< false: there were fewer calls
    std::string call{};  ///< which it was: its name, or its number
};

struct Ended {
    Met met;
    int status = 0;                    ///< as waitpid(2) gives it
    std::vector<std::string> calls{};  ///< those of `Fault::of` that were made, in order
};

/// Runs `work` in a forked child, which exits with what it gives, and makes the child meet the fault.
Ended run_with_fault(const Fault& fault, const std::function<int()>& work);

/// Stops the threads of a process at each system call and makes one of them meet the fault, counted over all of them.
/// Needs CAP_SYS_PTRACE where the process is not dumpable. Throws std::runtime_error when it cannot.
class Tracer {
  public:
    Tracer(pid_t process, const Fault& fault);
    /// Lets the process go on, unless it is gone.
    ~Tracer();
    Tracer(const Tracer&) = delete;
    Tracer& operator=(const Tracer&) = delete;

    /// Serves the stops until `done` says true or the process has ended. Does not wait for it: that is its parent's.
    /// Throws std::runtime_error after a minute.
    void run_until(const std::function<bool()>& done);
    const Met& met() const { return met_; }

  private:
    friend Ended run_with_fault(const Fault&, const std::function<int()>&);
    struct Child {};
    Tracer(pid_t stopped_child, const Fault& fault, Child);

    bool serve(pid_t thread, int stop);
    void at_call(pid_t thread);
    void release(pid_t thread);

    pid_t process_;
    Fault fault_;
    Met met_;
    std::vector<std::string> calls_;
    std::map<pid_t, std::optional<long>> threads_;  ///< what its call, which was taken out, is to return
};

}  // namespace capsule::test
