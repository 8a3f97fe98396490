// capsuled for launcher authors: connect once, call, get typed results.
//
//     auto client = capsule::Client::connect("/run/capsule/capsule.sock");
//     if (!client) …                                    // client.error().error.message, .hint
//     auto session = client->spawn({.agent = "claude", .provider = "zai"});
//     if (session) …                                    // start session->argv with exactly session->env
#pragma once

#include <sys/types.h>

#include <boost/json/value.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/client_error.hpp"
#include "protocol/messages.hpp"
#include "protocol/socket_path.hpp"

namespace capsule {

/// Where a client looks: as socket_path(), but a user without XDG_RUNTIME_DIR (an agent's in a container) finds the
/// system's daemon, at /run/capsule/capsule.sock.
Result<std::string> client_socket_path(const std::optional<std::string>& given, uid_t uid,
                                       const EnvironmentLookup& env);

/// What the daemon says unasked, after subscribe().
struct Notification {
    std::string method;
    boost::json::value params;
};

/// One connection to the daemon. Calls block, one at a time; an object may be moved but not shared between threads.
/// After `timed_out` or `broken` every further call fails with `broken`: connect again.
class Client {
  public:
    /// For connecting, and for each call: a key may be read from a password manager meanwhile, which takes up to 10 s.
    static constexpr std::chrono::milliseconds default_timeout{30'000};

    /// Connects to the Unix socket at `path` (see socket_path()). Who listens there must be root, the caller's own
    /// user, or the owner of the socket's directory where nobody else may write to it or to those above it. Fails with
    /// `unreachable`, `denied`, `untrusted` or `timed_out`.
    static ClientResult<Client> connect(const std::string& path, std::chrono::milliseconds timeout = default_timeout);

    /// The user at the other end, as the kernel says: who has answered, else who listens.
    uid_t server_uid() const noexcept;

    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;
    ~Client();

    ClientResult<StatusResult> status();
    ClientResult<ProvidersListResult> providers_list(const ProvidersListParams& params);
    ClientResult<AuthListResult> auth_list(const AuthListParams& params = {});
    ClientResult<SpawnResult> spawn(const SpawnParams& params);
    ClientResult<ExplainResult> explain(const SpawnParams& params);
    ClientResult<SessionsListResult> sessions_list(const SessionsListParams& params = {});
    ClientResult<SessionRow> sessions_end(const std::string& id);
    ClientResult<MetricsResult> metrics();
    /// From now on the daemon sends this connection notifications, which next_notification() gives.
    ClientResult<SubscribeResult> subscribe();
    /// The oldest notification that was not given yet, for which it waits at most `limit`. None: none came in that
    /// time. A connection whose user may ask for status alone is closed after [limits] idle_timeout without a call.
    ClientResult<std::optional<Notification>> next_notification(std::chrono::milliseconds limit);
    ClientResult<GrantResult> grant(const GrantParams& params);
    ClientResult<ConfigWriteResult> config_write(const std::string& agent);
    ClientResult<AuthRow> auth_set(const AuthSetParams& params);
    ClientResult<AuthRow> auth_unset(const AuthUnsetParams& params);
    ClientResult<ConfigStatus> reload();
    /// Whether a call of `method` would be sent: see call(). Asks the server something that is for everybody, where it
    /// is not known yet who answers.
    ClientResult<void> may_call(std::string_view method);
    /// The OpenRPC document.
    ClientResult<boost::json::value> discover();

    /// Any method; `params` is an object. A caller who is root asks a server that is not root only methods of the
    /// status tier: no key goes to it, and no user, program or environment is taken from it. All others fail with
    /// `untrusted`, as do the calls above.
    ClientResult<boost::json::value> call(std::string_view method, const boost::json::value& params);

    struct Call {
        std::string method;
        boost::json::value params = boost::json::object_kind;
    };
    /// Several calls sent at once, answered in their order; each has its own outcome. Fails as a whole only with
    /// `timed_out` or `broken`. For a handful of small requests: all of them are sent before an answer is read.
    ClientResult<std::vector<ClientResult<boost::json::value>>> call_all(const std::vector<Call>& calls);

  private:
    class Connection;
    explicit Client(std::unique_ptr<Connection> connection);

    /// Sends them with ids from `first_id` on, whatever they are.
    ClientResult<std::vector<ClientResult<boost::json::value>>> ask(const std::vector<Call>& calls,
                                                                    std::uint64_t first_id);

    std::unique_ptr<Connection> connection_;
    std::uint64_t last_id_ = 0;
    std::deque<Notification> notifications_;  ///< that came before an answer
};

/// Params as JSON, without the optional members that are not set.
boost::json::value params_json(const ProvidersListParams& params);
boost::json::value params_json(const AuthListParams& params);
boost::json::value params_json(const UsageParams& params);
boost::json::value params_json(const SpawnParams& params);
boost::json::value params_json(const SessionsListParams& params);
boost::json::value params_json(const SessionsEndParams& params);
boost::json::value params_json(const GrantParams& params);
boost::json::value params_json(const ConfigWriteParams& params);
boost::json::value params_json(const AuthSetParams& params);
boost::json::value params_json(const AuthUnsetParams& params);

/// A result as its struct; members that a newer daemon added are ignored. Fails with `broken`. For every result struct
/// of messages.hpp.
template <class T>
ClientResult<T> result_as(const boost::json::value& result);

}  // namespace capsule
