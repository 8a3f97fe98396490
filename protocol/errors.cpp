#include "protocol/errors.hpp"

#include <array>

namespace capsule {
namespace {

struct Row {
    ErrorCode code;
    int number;
    std::string_view name;
};

constexpr std::array rows{
    Row{ErrorCode::parse_error, -32700, "parse_error"},
    Row{ErrorCode::invalid_request, -32600, "invalid_request"},
    Row{ErrorCode::method_not_found, -32601, "method_not_found"},
    Row{ErrorCode::invalid_params, -32602, "invalid_params"},
    Row{ErrorCode::internal_error, -32603, "internal_error"},
    Row{ErrorCode::access_denied, -32001, "access.denied"},
    Row{ErrorCode::agent_unknown, -32002, "agent.unknown"},
    Row{ErrorCode::provider_unknown, -32003, "provider.unknown"},
    Row{ErrorCode::cell_unsupported, -32004, "cell.unsupported"},
    Row{ErrorCode::cell_blocked, -32004, "cell.blocked"},
    Row{ErrorCode::key_absent, -32005, "key.absent"},
    Row{ErrorCode::key_error, -32006, "key.error"},
    Row{ErrorCode::config_conflict, -32007, "config.conflict"},
    Row{ErrorCode::io_error, -32008, "io.error"},
    Row{ErrorCode::request_too_large, -32009, "request.too_large"},
    Row{ErrorCode::server_overloaded, -32010, "server.overloaded"},
    Row{ErrorCode::server_stopping, -32011, "server.stopping"},
    Row{ErrorCode::scope_unknown, -32012, "scope.unknown"},
    Row{ErrorCode::session_unknown, -32013, "session.unknown"},
};

/// row_of() finds a code's row by its number in the enumeration.
constexpr bool in_the_order_of_the_codes() {
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (rows[i].code != static_cast<ErrorCode>(i)) return false;
    return rows.back().code == last_error_code;
}
static_assert(in_the_order_of_the_codes());

const Row& row_of(ErrorCode code) noexcept {
    return rows[static_cast<std::size_t>(code)];
}

}  // namespace

int rpc_number(ErrorCode code) noexcept {
    return row_of(code).number;
}

std::string_view name_of(ErrorCode code) noexcept {
    return row_of(code).name;
}

std::optional<ErrorCode> error_code_named(std::string_view name) noexcept {
    for (const Row& row : rows)
        if (row.name == name) return row.code;
    return std::nullopt;
}

std::optional<ErrorCode> error_code_numbered(int number) noexcept {
    for (const Row& row : rows)
        if (row.number == number) return row.code;
    return std::nullopt;
}

void throw_exception_from_error(const Error& error, const boost::source_location&) {
    throw Failure(error);
}

}  // namespace capsule
