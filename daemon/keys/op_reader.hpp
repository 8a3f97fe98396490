// Reads op:// references with 1Password's op, each once until the configuration is loaded anew.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "daemon/base/secret.hpp"
#include "daemon/process/shared_run.hpp"
#include "daemon/process/subprocess.hpp"

namespace capsule {

class OpReader {
  public:
    /// `environment` is the daemon's own: op gets its OP_*, a HOME that can be trusted (op_program.hpp), a PATH
    /// of root's directories, and nothing else.
    OpReader(boost::asio::any_io_executor executor, SubprocessRunner& subprocesses,
             const std::map<std::string, Secret>& environment)
        : executor_(std::move(executor)), subprocesses_(subprocesses), environment_(environment) {}

    /// Waits for `op read`; several callers of one reference share a run. `program` is [keys] op, see op_program.hpp.
    /// Fails with key.error and op's own message (redacted): not installed, not to be trusted, not signed in, no such
    /// item, nothing within 10 s, an empty answer. A failure is remembered for as long as a value: until forget().
    boost::asio::awaitable<Result<Secret>> read(std::string reference, std::optional<std::string> program);

    /// What read() found; none: not read yet. Never waits.
    std::optional<Result<Secret>> remembered(const std::string& reference) const;

    /// At a reload: the next read() runs op again.
    void forget();

  private:
    using Lookup = SharedRun<Result<Secret>>;

    boost::asio::awaitable<Result<Secret>> run_op(std::string reference, std::optional<std::string> program);

    boost::asio::any_io_executor executor_;
    SubprocessRunner& subprocesses_;
    const std::map<std::string, Secret>& environment_;
    std::map<std::string, std::shared_ptr<Lookup>> lookups_;
};

}  // namespace capsule
