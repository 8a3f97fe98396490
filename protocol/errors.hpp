// The one vocabulary of errors, shared by daemon, client and tests.
#pragma once

#include <boost/system/result.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace capsule {

/// Everything a request can fail with. JSON-RPC's own five first, then ours (which carry `error.data`).
enum class ErrorCode {
    parse_error,
    invalid_request,
    method_not_found,
    invalid_params,
    internal_error,
    access_denied,
    agent_unknown,
    provider_unknown,
    cell_unsupported,
    cell_blocked,
    key_absent,
    key_error,
    config_conflict,
    io_error,
    request_too_large,
    server_overloaded,
    server_stopping,
    scope_unknown,
    session_unknown,
};
inline constexpr ErrorCode last_error_code = ErrorCode::session_unknown;

/// The number in `error.code`: -32700 … -32603 as in JSON-RPC 2.0, -32001 … -32013 ours.
int rpc_number(ErrorCode code) noexcept;

/// The name in `error.data.code`, such as "key.absent".
std::string_view name_of(ErrorCode code) noexcept;

/// The code of that name; none if there is no such code. What a client reads from `error.data.code`.
std::optional<ErrorCode> error_code_named(std::string_view name) noexcept;

/// The code of a number alone, for answers without `error.data`. Numbers that two codes share give the first.
std::optional<ErrorCode> error_code_numbered(int number) noexcept;

/// What went wrong and what to do about it. Neither text ever holds a key.
struct Error {
    ErrorCode code = ErrorCode::internal_error;
    std::string message;
    std::string hint{};

    bool operator==(const Error&) const = default;
};

template <class T>
using Result = boost::system::result<T, Error>;

/// What start-up throws, and what Result::value() throws when there is none.
class Failure : public std::runtime_error {
  public:
    explicit Failure(Error error) : std::runtime_error(error.message), error_(std::move(error)) {}
    const Error& error() const noexcept { return error_; }

  private:
    Error error_;
};

/// Boost.System calls this for Result<T>::value() on an error.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

}  // namespace capsule
