#include "daemon/server/dispatcher.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "daemon/log/log.hpp"
#include "daemon/users/users.hpp"
#include "protocol/methods.hpp"
#include "protocol/nearest.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

Error unknown_method(std::string_view name) {
    std::vector<std::string_view> names;
    for (const MethodInfo& method : methods)
        names.push_back(method.name);
    const auto near = nearest(name, names);
    // A method's name is text from outside: only a short one is repeated.
    constexpr std::size_t longest = 64;
    return {ErrorCode::method_not_found, "no method \"" + std::string(name.substr(0, longest)) + "\"",
            near ? "did you mean \"" + std::string(*near) + "\"?" : "rpc.discover lists the methods"};
}

Error denied(const MethodInfo& method, const Peer& peer) {
    log_warning("denied", {{"method", method.name},
                           {"uid", std::int64_t{peer.uid}},
                           {"gid", std::int64_t{peer.gid}},
                           {"pid", std::int64_t{peer.pid}}});
    return {ErrorCode::access_denied, "user " + user_name(peer.uid) + " may not call " + std::string(method.name),
            "an administrator can allow it in [access] " + std::string(name_of(method.tier)) + " of capsule.toml"};
}

asio::awaitable<Result<std::string>> call(Services& services, const Peer& peer, Request& request) {
    const MethodInfo* method = find_method(request.method);
    if (method == nullptr) co_return unknown_method(request.method);
    if (!services.generation->policy.allows(method->tier, peer)) co_return denied(*method, peer);
    if (request.params.is_array())
        co_return Error{ErrorCode::invalid_params, "params: pass them by name, as an object",
                        "rpc.discover lists each method's params"};
    try {
        co_return co_await handler_of (*method)(
            services, {peer.uid, peer.pid, peer.connection, peer.connected_at, peer.process_inode, peer.counted},
            std::move(request.params));
    } catch (const Failure& failure) {
        co_return failure.error();
    } catch (const std::exception& failure) {
        // The text may quote what it failed on, so it stays out of both the answer and the log.
        spdlog::error("{} failed: {}", method->name, typeid(failure).name());
        co_return Error{ErrorCode::internal_error, "an internal error in " + std::string(method->name),
                        "this is a fault of capsuled; see its log"};
    }
}

asio::awaitable<std::string> answer_request(Services& services, const Peer& peer, Request& request) {
    ++services.requests;
    auto outcome = co_await call(services, peer, request);
    if (!outcome) ++services.errors;
    if (!request.id) co_return std::string();
    if (!outcome) co_return error_answer(*request.id, outcome.error());
    co_return answer_from(*request.id, std::move(*outcome));
}

/// What asks for no more than status changes nothing.
bool only_tells(const Request& request) {
    const MethodInfo* method = find_method(request.method);
    return method != nullptr && method->tier == Tier::status;
}

/// Something that is no request, or one for whose answer there is no room.
std::string answer_undone(Services& services, const std::variant<Request, NotARequest>& item,
                          const Result<void>& held) {
    ++services.requests;
    ++services.errors;
    if (const auto* wrong = std::get_if<NotARequest>(&item)) return error_answer(wrong->id, wrong->error);
    const auto& id = std::get<Request>(item).id;
    return id ? error_answer(*id, held.error()) : std::string();
}

}  // namespace

asio::awaitable<std::string> answer_line(Services& services, Peer peer, std::string line, Room room) {
    auto parsed = parse_line(line);
    if (!parsed) {
        ++services.requests;
        ++services.errors;
        const RequestId unknown;
        co_return error_answer(unknown, parsed.error());
    }
    std::string answers;
    for (auto& item : parsed->items) {
        // A batch takes its turns like a pipeline: what it asks for may be answered without a wait.
        if (parsed->batch) co_await asio::post(asio::use_awaitable);
        auto* request = std::get_if<Request>(&item);
        const auto held = request == nullptr ? Result<void>() : room(answers.size(), only_tells(*request));
        std::string answer;
        if (held && request != nullptr)
            answer = co_await answer_request(services, peer, *request);
        else
            answer = answer_undone(services, item, held);
        if (!parsed->batch) co_return answer;
        if (answer.empty()) continue;
        if (!answers.empty()) answers += ',';
        answers += answer;
    }
    co_return answers.empty() ? answers : "[" + answers + "]";
}

}  // namespace capsule
