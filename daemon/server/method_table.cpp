// Which handler answers which method. protocol/methods.hpp has each method's tier and types; a handler with other types
// does not compile here.
#include <spdlog/spdlog.h>

#include <array>
#include <tuple>
#include <type_traits>
#include <utility>

#include "daemon/handlers/handlers.hpp"
#include "daemon/server/dispatcher.hpp"
#include "protocol/json_struct.hpp"
#include "protocol/methods.hpp"
#include "protocol/utf8.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

template <class Function>
struct HandlerTypes;
template <class P, class R>
struct HandlerTypes<Handled<R> (*)(Services&, P)> {
    using Params = P;
    using Result = R;
    static constexpr bool is_told_who_calls = false;
};
template <class P, class R>
struct HandlerTypes<Handled<R> (*)(Services&, Caller, P)> {
    using Params = P;
    using Result = R;
    static constexpr bool is_told_who_calls = true;  // because it logs it
};
template <class P, class R>
struct HandlerTypes<Handled<Written<R>> (*)(Services&, P)> {
    using Params = P;
    using Result = R;
    static constexpr bool is_told_who_calls = false;
};

/// Room for an answer to `spawn`, which is then never copied while it is written.
constexpr std::size_t usual_answer = 12 * 1024;

template <class R>
std::string text_of(const R& result) {
    std::string answer;
    answer.reserve(usual_answer);
    write_json(answer, result);
    return answer;
}

template <class R>
std::string text_of(Written<R>& result) {
    return std::move(result.json);
}

/// The last net below what others have named or written (files, versions): no byte of theirs keeps a caller, and all
/// who ask for a list with it, from reading the answer.
void escape_bytes(std::string& answer) {
    if (is_utf8(answer)) return;
    answer = with_bytes_escaped(answer, escaped_backslash);
    static bool told = false;
    if (!std::exchange(told, true))
        spdlog::warn(
            "an answer held bytes that are no UTF-8; each is shown as \\x and its two digits, here and in all "
            "later answers");
}

/// A typed handler as the dispatcher calls it: params read strictly, the result written as JSON.
template <auto handler>
asio::awaitable<Result<std::string>> typed(Services& services, Caller caller, boost::json::value json) {
    using Types = HandlerTypes<decltype(handler)>;
    typename Types::Params params;
    if (auto read = from_json(params, json, "params", Unknown::refuse); !read) co_return read.error();
    auto handled = [&] {
        if constexpr (Types::is_told_who_calls)
            return handler(services, caller, std::move(params));
        else
            return handler(services, std::move(params));
    }();
    auto result = co_await std::move(handled);
    if (!result) co_return result.error();
    std::string answer = text_of(*result);
    escape_bytes(answer);
    co_return answer;
}

template <auto handler>
struct Answers : HandlerTypes<decltype(handler)> {
    std::string_view method;
    Handler call = typed<handler>;
};

template <auto handler>
constexpr Answers<handler> answers(std::string_view method) {
    Answers<handler> row;
    row.method = method;
    return row;
}

constexpr std::tuple table{
    answers<handle_status>("status"),
    answers<handle_providers_list>("providers.list"),
    answers<handle_auth_list>("auth.list"),
    answers<handle_usage>("usage"),
    answers<handle_discover>("rpc.discover"),
    answers<handle_ping>("ping"),
    answers<handle_spawn>("spawn"),
    answers<handle_explain>("explain"),
    answers<handle_sessions_list>("sessions.list"),
    answers<handle_sessions_end>("sessions.end"),
    answers<handle_subscribe>("subscribe"),
    answers<handle_metrics>("metrics"),
    answers<handle_grant>("grant"),
    answers<handle_names_list>("names.list"),
    answers<handle_config_write>("config.write"),
    answers<handle_auth_set>("auth.set"),
    answers<handle_auth_unset>("auth.unset"),
    answers<handle_reload>("reload"),
};

/// A handler and the row of protocol/methods.hpp in the same place: the same method with the same types.
template <class Handling, class Row>
constexpr bool agree(const Handling& handling, const Row& row) {
    static_assert(std::is_same_v<typename Handling::Params, typename Row::Params>);
    static_assert(std::is_same_v<typename Handling::Result, typename Row::Result>);
    return handling.method == row.name;
}

template <std::size_t... i>
constexpr bool all_agree(std::index_sequence<i...>) {
    static_assert(std::tuple_size_v<decltype(table)> == sizeof...(i));
    return (agree(std::get<i>(table), std::get<i>(method_rows)) && ...);
}
static_assert(all_agree(std::make_index_sequence<methods.size()>()));

constexpr std::array handlers =
    std::apply([](const auto&... row) { return std::array<Handler, sizeof...(row)>{row.call...}; }, table);

}  // namespace

Handler handler_of(const MethodInfo& method) {
    return handlers[static_cast<std::size_t>(&method - methods.data())];
}

}  // namespace capsule
