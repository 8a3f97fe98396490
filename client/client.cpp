#include "client/client.hpp"

#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "client/connection.hpp"
#include "protocol/json_rpc.hpp"
#include "protocol/json_struct.hpp"
#include "protocol/methods.hpp"

namespace capsule {
namespace {

namespace json = boost::json;

ClientError broken(std::string message) {
    return {ClientError::Kind::broken,
            {ErrorCode::internal_error, std::move(message),
             "are daemon and client of the same version? see capsulectl "
             "status and capsulectl --version"}};
}

// Notifications that come before an answer are kept for the caller. A daemon has a few of them in that time.
constexpr std::size_t most_notifications = 4096;
constexpr std::size_t most_notified_bytes = 4 * 1024 * 1024;

bool is_of_status_tier(std::string_view name) {
    const MethodInfo* method = find_method(name);
    return method != nullptr && method->tier == Tier::status;
}

/// None: the line is something else.
std::optional<Notification> parse_notification(std::string_view line) {
    auto parsed = parse_line(line);
    if (!parsed || parsed->batch) return std::nullopt;
    auto* request = std::get_if<Request>(&parsed->items.front());
    if (request == nullptr || request->id) return std::nullopt;
    return Notification{std::move(request->method), std::move(request->params)};
}

/// Root would send another user its environment or a key, or run what that user says.
ClientError not_for_root(std::string_view method, const std::string& path, uid_t server) {
    return {ClientError::Kind::untrusted,
            {ErrorCode::access_denied,
             "root does not call " + std::string(method) + " at " + path + ": the daemon there is user " +
                 std::to_string(server) + "'s",
             "run this as that user (setpriv --reuid " + std::to_string(server) +
                 " --clear-groups …), or ask a daemon that runs as root"}};
}

template <class T>
ClientResult<T> typed(const ClientResult<json::value>& result) {
    if (!result) return result.error();
    return result_as<T>(*result);
}

}  // namespace

Result<std::string> client_socket_path(const std::optional<std::string>& given, uid_t uid,
                                       const EnvironmentLookup& env) {
    const bool has_place_of_its_own = given || env("CAPSULE_SOCKET") || env("XDG_RUNTIME_DIR");
    return has_place_of_its_own ? socket_path(given, uid, env) : socket_path(given, 0, env);
}

json::value params_json(const ProvidersListParams& params) {
    return without_nulls(to_json(params));
}
json::value params_json(const AuthListParams& params) {
    return without_nulls(to_json(params));
}
json::value params_json(const UsageParams& params) {
    return without_nulls(to_json(params));
}
json::value params_json(const SpawnParams& params) {
    return without_nulls(to_json(params));
}
json::value params_json(const SessionsListParams& params) {
    return without_nulls(to_json(params));
}
json::value params_json(const SessionsEndParams& params) {
    return without_nulls(to_json(params));
}
json::value params_json(const GrantParams& params) {
    return without_nulls(to_json(params));
}
json::value params_json(const ConfigWriteParams& params) {
    return without_nulls(to_json(params));
}
json::value params_json(const AuthSetParams& params) {
    return without_nulls(to_json(params));
}
json::value params_json(const AuthUnsetParams& params) {
    return without_nulls(to_json(params));
}

template <class T>
ClientResult<T> result_as(const json::value& result) {
    T out;
    if (auto done = from_json(out, result, "result", Unknown::ignore); !done)
        return broken("the daemon's answer is not understood: " + done.error().message);
    return out;
}

template ClientResult<StatusResult> result_as(const json::value&);
template ClientResult<ProvidersListResult> result_as(const json::value&);
template ClientResult<NamesListResult> result_as(const json::value&);
template ClientResult<AuthListResult> result_as(const json::value&);
template ClientResult<UsageResult> result_as(const json::value&);
template ClientResult<AuthRow> result_as(const json::value&);
template ClientResult<SpawnResult> result_as(const json::value&);
template ClientResult<ExplainResult> result_as(const json::value&);
template ClientResult<SessionsListResult> result_as(const json::value&);
template ClientResult<SessionRow> result_as(const json::value&);
template ClientResult<GrantResult> result_as(const json::value&);
template ClientResult<SubscribeResult> result_as(const json::value&);
template ClientResult<SessionNotice> result_as(const json::value&);
template ClientResult<ConfigNotice> result_as(const json::value&);
template ClientResult<MetricsResult> result_as(const json::value&);
template ClientResult<ConfigWriteResult> result_as(const json::value&);
template ClientResult<ConfigStatus> result_as(const json::value&);

Client::Client(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

uid_t Client::server_uid() const noexcept {
    return connection_->server().uid();
}

ClientResult<Client> Client::connect(const std::string& path, std::chrono::milliseconds timeout) {
    auto connection = std::make_unique<Connection>(timeout);
    if (auto done = connection->connect(path); !done) return done.error();
    return Client(std::move(connection));
}

ClientResult<std::vector<ClientResult<json::value>>> Client::call_all(const std::vector<Call>& calls) {
    for (const Call& call : calls)
        if (auto allowed = may_call(call.method); !allowed) return allowed.error();
    const std::uint64_t first_id = last_id_ + 1;
    last_id_ += calls.size();
    return ask(calls, first_id);
}

ClientResult<std::vector<ClientResult<json::value>>> Client::ask(const std::vector<Call>& calls,
                                                                 std::uint64_t first_id) {
    std::string text;
    const std::uint64_t end_of_ids = first_id + calls.size();
    for (std::uint64_t id = first_id; id < end_of_ids; ++id) {
        const Call& call = calls[id - first_id];
        text += request_text(std::to_string(id), call.method, json::serialize(call.params)) + '\n';
    }
    if (auto sent = connection_->send(std::move(text)); !sent) return sent.error();
    std::vector<ClientResult<json::value>> outcomes;
    std::size_t notified = 0;
    auto end = connection_->end_of_wait();
    for (std::uint64_t id = first_id; id < end_of_ids; ++id) {
        auto line = connection_->read_line(end);
        if (!line) return line.error();
        if (auto notification = parse_notification(*line)) {
            notified += line->size();
            if (notified > most_notified_bytes || notifications_.size() >= most_notifications)
                return broken("the daemon sent too many notifications before its answer");
            notifications_.push_back(*std::move(notification));
            --id;
            continue;
        }
        end = connection_->end_of_wait();  // of the next answer
        auto answer = parse_answer(*line);
        if (!answer) return broken(answer.error().message);
        // id null: the daemon refused the line as such (too long, say), which ends the connection.
        if (answer->id != std::to_string(id) && answer->id != "null") return broken("the answer is to another request");
        if (answer->outcome && !connection_->server().is_known())
            return broken("the kernel does not tell who answers at " + connection_->path());
        if (answer->outcome)
            outcomes.emplace_back(std::move(*answer->outcome));
        else
            outcomes.emplace_back(ClientError{ClientError::Kind::answered, answer->outcome.error()});
    }
    return outcomes;
}

ClientResult<json::value> Client::call(std::string_view method, const json::value& params) {
    auto outcomes = call_all({{std::string(method), params}});
    if (!outcomes) return outcomes.error();
    return std::move(outcomes->front());
}

ClientResult<StatusResult> Client::status() {
    return typed<StatusResult>(call("status", json::object()));
}

ClientResult<ProvidersListResult> Client::providers_list(const ProvidersListParams& params) {
    return typed<ProvidersListResult>(call("providers.list", params_json(params)));
}

ClientResult<AuthListResult> Client::auth_list(const AuthListParams& params) {
    return typed<AuthListResult>(call("auth.list", params_json(params)));
}

ClientResult<SpawnResult> Client::spawn(const SpawnParams& params) {
    return typed<SpawnResult>(call("spawn", params_json(params)));
}

ClientResult<ExplainResult> Client::explain(const SpawnParams& params) {
    return typed<ExplainResult>(call("explain", params_json(params)));
}

ClientResult<SessionsListResult> Client::sessions_list(const SessionsListParams& params) {
    return typed<SessionsListResult>(call("sessions.list", params_json(params)));
}

ClientResult<SessionRow> Client::sessions_end(const std::string& id) {
    return typed<SessionRow>(call("sessions.end", params_json(SessionsEndParams{id})));
}

ClientResult<MetricsResult> Client::metrics() {
    return typed<MetricsResult>(call("metrics", json::object()));
}

ClientResult<SubscribeResult> Client::subscribe() {
    return typed<SubscribeResult>(call("subscribe", json::object()));
}

ClientResult<std::optional<Notification>> Client::next_notification(std::chrono::milliseconds limit) {
    if (!notifications_.empty()) {
        std::optional<Notification> first = std::move(notifications_.front());
        notifications_.pop_front();
        return first;
    }
    const auto line = connection_->wait_for_line(limit);
    if (!line) return line.error();
    if (!*line) return std::optional<Notification>();
    auto notification = parse_notification(**line);
    if (!notification) return broken("what came is neither an answer nor a notification");
    return notification;
}

ClientResult<GrantResult> Client::grant(const GrantParams& params) {
    return typed<GrantResult>(call("grant", params_json(params)));
}

ClientResult<ConfigWriteResult> Client::config_write(const std::string& agent) {
    return typed<ConfigWriteResult>(call("config.write", params_json(ConfigWriteParams{agent})));
}

ClientResult<AuthRow> Client::auth_set(const AuthSetParams& params) {
    return typed<AuthRow>(call("auth.set", params_json(params)));
}

ClientResult<AuthRow> Client::auth_unset(const AuthUnsetParams& params) {
    return typed<AuthRow>(call("auth.unset", params_json(params)));
}

ClientResult<ConfigStatus> Client::reload() {
    return typed<ConfigStatus>(call("reload", json::object()));
}

ClientResult<void> Client::may_call(std::string_view method) {
    if (is_of_status_tier(method)) return {};
    const auto allowed = [&]() -> ClientResult<void> {
        if (::geteuid() == 0 && server_uid() != 0) return not_for_root(method, connection_->path(), server_uid());
        return {};
    };
    if (auto done = allowed(); !done || connection_->server().is_known()) return done;
    // What is sent may be a key or an environment, so who is there has to say something first.
    const auto known = ask({{"ping", json::object()}}, 0);
    if (!known) return known.error();
    if (!connection_->server().is_known()) return known->front().error();
    return allowed();
}

ClientResult<json::value> Client::discover() {
    return call("rpc.discover", json::object());
}

}  // namespace capsule
