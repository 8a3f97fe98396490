#include "daemon/handlers/session_begin.hpp"

#include <unistd.h>

#include <algorithm>

#include "daemon/handlers/asking_process.hpp"
#include "daemon/sessions/sha256.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

/// Another capsuled's sessions are bounded all together, too, since it may name any users: as if it had so many.
constexpr std::uint64_t most_askers_of_another = 16;

/// Anybody may say that they ask for others. Of other users' it is heeded only for whose session makes room.
bool is_another_daemon(uid_t uid) {
    return uid == 0 || uid == ::geteuid();
}

SessionRecord record_of(const PreparedSession& session) {
    SessionRecord record;
    const Provider& provider = *session.route.provider;
    const SessionUser& user = session.generation->home.user;
    record.agent = id_of(session.route.agent);
    record.provider = provider.id;
    record.label = provider.label;
    if (session.route.model) record.model = session.route.model->value;
    record.user = user.name;
    record.uid = user.uid;
    record.keys = session.keys;
    set_reasons(record, session);
    if (session.settings) {
        const auto held =
            std::ranges::count_if(*session.settings, [](const auto& each) { return each.neutralised_by.has_value(); });
        const auto all = static_cast<std::ptrdiff_t>(session.settings->size());
        record.settings = SessionSettings{static_cast<std::uint64_t>(held), static_cast<std::uint64_t>(all - held)};
    }
    if (!record.brokered()) return record;
    record.token_sha256 = session.token ? sha256_hex(session.token->reveal()) : session.token_sha256;
    record.asked_anew = !session.token_sha256.empty();
    if (session.uid) record.uid = *session.uid;
    if (session.remote) {
        record.remote_url = url_at_broker(session.broker_url, session.brokered.base_url);
        record.remote_provider_url = session.remote->provider_url();
    }
    record.surface = session.brokered.surface;
    record.key_variable = session.key_variable;
    record.key_scope = session.remote ? session.remote->key_scope() : session.key_scope;
    return record;
}

}  // namespace

Result<void> check_ends_with(const std::optional<std::string>& ends_with) {
    if (!ends_with || *ends_with == ends_with::caller || *ends_with == ends_with::connection) return {};
    return Error{ErrorCode::invalid_params, "params.ends_with: neither \"caller\" nor \"connection\"",
                 "caller: with the process that asks; connection: with this connection; left out: by sessions.end"};
}

asio::awaitable<Result<SessionRef>> begin_session(Services& services, Caller caller,
                                                  std::optional<std::string> ends_with, const PreparedSession& session,
                                                  std::vector<Warning>& warnings) {
    SessionRef ref{std::nullopt, session.keys, std::move(ends_with)};
    SessionOwner owner;
    owner.connection = caller.connection;
    owner.uid = caller.counted_as();
    owner.asked_by = session.asked_by;
    if (!services.generation->policy.is_owner(caller.uid)) {
        owner.most = services.generation->config.limits.sessions_per_user;
        owner.most_in_all = *owner.most * (is_another_daemon(caller.uid) ? most_askers_of_another : 1);
    }
    if (ref.ends_with) {
        auto asking = co_await asking_process(services, caller);
        if (!asking) co_return asking.error();
        // A connection may be handed on to another process, and lives on with that.
        if (asking->has_ended && ref.ends_with == ends_with::caller)
            co_return Error{ErrorCode::io_error, "the process that connected has ended, and its session with it",
                            "connect and ask from a process that lives as long as the agent, or send ends_with: "
                            "\"connection\""};
        owner.process = std::move(asking->process);
    }
    if (ref.ends_with == ends_with::caller && !owner.process) {
        ref.ends_with.reset();
        if (session.token)
            warnings.push_back({"session.caller_unknown",
                                "which process asks cannot be seen from the daemon (another PID namespace?), so the "
                                "session ends by sessions.end, or some hours after its last request"});
    }
    if (session.keys != session_keys::broker && !ref.ends_with) co_return ref;
    SessionRecord record = record_of(session);
    record.ends_with = ref.ends_with;
    // Here and not only as it was asked for: a reload may have named the user meanwhile, when this session was none
    // yet.
    if (record.brokered())
        if (auto conflict = upstream_conflict(*services.generation, record.uid)) co_return *std::move(conflict);
    auto id = co_await services.sessions.begin(std::move(record), owner, session.remote);
    if (!id) co_return id.error();
    ref.id = std::move(*id);
    co_return ref;
}

}  // namespace capsule
