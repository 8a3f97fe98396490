#include "client/exit_code.hpp"

namespace capsule {
namespace {

ExitCode exit_code_for(ErrorCode code) noexcept {
    switch (code) {
        case ErrorCode::invalid_params:
        case ErrorCode::agent_unknown:
        case ErrorCode::provider_unknown:
        case ErrorCode::scope_unknown:
            return ExitCode::usage;
        case ErrorCode::access_denied:
            return ExitCode::denied;
        case ErrorCode::key_absent:
        case ErrorCode::key_error:
            return ExitCode::key_unusable;
        case ErrorCode::cell_blocked:
        case ErrorCode::cell_unsupported:
            return ExitCode::cell_refused;
        case ErrorCode::config_conflict:
            return ExitCode::config_conflict;
        default:
            return ExitCode::failed;
    }
}

}  // namespace

ExitCode exit_code_for(const ClientError& error) noexcept {
    switch (error.kind) {
        case ClientError::Kind::unreachable:
        case ClientError::Kind::timed_out:
            return ExitCode::unreachable;
        case ClientError::Kind::denied:
        case ClientError::Kind::untrusted:
            return ExitCode::denied;
        case ClientError::Kind::broken:
            return ExitCode::failed;
        case ClientError::Kind::answered:
            break;
    }
    return exit_code_for(error.error.code);
}

}  // namespace capsule
