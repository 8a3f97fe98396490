#include "daemon/sessions/sessions.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "daemon/broker/core/base_url.hpp"
#include "daemon/log/log.hpp"
#include "daemon/sessions/live.hpp"
#include "daemon/sessions/token.hpp"
#include "protocol/utc_time.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

using Clock = std::chrono::steady_clock;

/// A broker that was killed with its daemon has the port for a moment longer.
constexpr std::chrono::seconds port_is_freed_within{3};
constexpr std::chrono::milliseconds try_port_again{20};
constexpr std::chrono::milliseconds try_port_later{1000};
constexpr std::chrono::seconds wait_for_port{5};

}  // namespace

Sessions::Sessions(asio::any_io_executor executor, Now now)
    : executor_(executor),
      now_(now),
      link_(executor,
            {[this] { return read_keys(); }, [this] { return grants(); },
             [this](const broker::Traffic& traffic) { count(traffic); },
             [this](const broker::Strangers& strangers) { totals_.add(strangers); }, [this] { broker_has_ended(); }}),
      remote_(executor, [this] { grant_anew_soon(); }),
      clock_(executor),
      grant_pause_(executor) {}

void Sessions::open(SessionFiles files, EndedFile ended, SessionSources sources, BrokerSettings settings, bool needed) {
    files_ = std::move(files);
    ended_file_ = std::move(ended);
    take_back_ended();
    sources_ = std::move(sources);
    settings_ = std::move(settings);
    std::vector<std::string> problems;
    for (KeptSession& kept : files_.load(problems))
        take_back(std::move(kept));
    for (const std::string& problem : problems)
        spdlog::warn("{}", problem);
    if (!live_.empty()) spdlog::info("{} sessions of before go on", live_.size());
    look_at_state(needed || any_with_token());
    if (settings_.remote)
        open_remote(*settings_.remote);
    else if (needed || any_with_token())
        start_broker();
}

/// Of grants to another capsuled none is kept.
void Sessions::look_at_state(bool needed) {
    if (!needed || settings_.link.configure.grants_ms) return;
    const auto checked = files_.check();
    if (checked) return;
    storing_problem_ = checked.error();
    spdlog::warn("no session with a token can be started: {}; {}", checked.error().message, checked.error().hint);
}

std::optional<Error> Sessions::storing_problem() {
    if (!storing_problem_) return std::nullopt;
    const auto checked = files_.check();
    storing_problem_ = checked ? std::nullopt : std::optional(checked.error());
    return storing_problem_;
}

/// The daemon's connections did not outlive it: what ended with one ends with the process that had it.
void Sessions::take_back(KeptSession kept) {
    const auto live = std::make_shared<Live>();
    live->record = std::move(kept.session);
    live->used = now_();
    if (kept.counts) live->counts = SessionCounts(*std::move(kept.counts), now_());
    live->told_of_model = has_other_model(live->counts);
    live->has_file = live->changed = true;
    if (const auto used = live->record.used_s)
        live->used = std::min(live->used, BootClock::time_point(std::chrono::seconds(*used)) + use_is_kept_within);
    const std::string id = live->record.id;
    live_.emplace(id, live);
    if (!live->record.ends_with || !live->record.pid) return;
    const ProcessIdentity process{static_cast<pid_t>(*live->record.pid), live->record.pid_started.value_or(0)};
    if (!watch(live, process)) end(id, "the process that it ends with has ended");
}

bool Sessions::any_with_token() const {
    return std::ranges::any_of(live_, [](const auto& each) { return each.second->record.brokered(); });
}

void Sessions::configure(BrokerSettings settings, bool needed) {
    settings_ = std::move(settings);
    if (remote_.started()) return;
    link_.change(settings_.link);
    if (needed || any_with_token()) start_broker();
}

bool Sessions::try_port(std::uint16_t port) {
    bool taken = false;
    auto socket = listen_on_loopback(port, taken);
    if (!socket) {
        port_problem_ = socket.error().message + "; " + socket.error().hint;
        return false;
    }
    port_ = socket->port;
    if (auto kept = files_.keep_port(*port_); !kept) spdlog::warn("{}", kept.error().message);
    link_.start(std::move(*socket), settings_.link);
    look_every_second();
    return true;
}

void Sessions::start_broker() {
    if (link_.started() || finding_port_ || stopping_) return;
    const std::optional<std::uint16_t> kept = settings_.port ? settings_.port : files_.port();
    if (try_port(kept.value_or(0))) return;
    finding_port_ = true;
    asio::co_spawn(executor_, find_port(kept), asio::detached);
}

asio::awaitable<void> Sessions::find_port(std::optional<std::uint16_t> port) {
    const auto limit = Clock::now() + port_is_freed_within;
    asio::steady_timer pause(executor_);
    bool told = false;
    while (!stopping_) {
        pause.expires_after(told ? try_port_later : try_port_again);
        boost::system::error_code ignored;
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        if (stopping_ || try_port(port.value_or(0))) break;
        if (Clock::now() < limit || told) continue;
        spdlog::error("{}", port_problem_);
        told = true;
        // A port that nobody asked for by its number is not worth waiting for.
        if (!settings_.port && try_port(0)) break;
    }
    finding_port_ = false;
}

asio::awaitable<Result<std::string>> Sessions::broker_url() {
    if (remote_.started())
        co_return Error{ErrorCode::config_conflict, "the broker is another capsuled's ([broker] remote)",
                        "ask that one"};
    if (const auto& cannot = settings_.link.cannot_start) co_return *cannot;
    start_broker();
    const auto limit = Clock::now() + wait_for_port;
    asio::steady_timer pause(executor_);
    while (!port_ && !stopping_ && Clock::now() < limit) {
        pause.expires_after(try_port_again);
        boost::system::error_code ignored;
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    if (!port_)
        co_return Error{ErrorCode::io_error, "there is no broker for the session: " + port_problem_,
                        "set another [broker] listen, or [session] keys = \"env\""};
    co_return "http://127.0.0.1:" + std::to_string(*port_);
}

asio::awaitable<Result<broker::UsageAnswer>> Sessions::ask_usage(broker::AskUsage question) {
    const auto url = co_await broker_url();
    if (!url) co_return url.error();
    auto answer = co_await link_.ask(std::move(question));
    co_return answer;
}

asio::awaitable<Result<std::string>> Sessions::begin(SessionRecord record, SessionOwner owner,
                                                     std::shared_ptr<RemoteGrant> remote) {
    const auto live = std::make_shared<Live>();
    do
        record.id = make_session_id();
    while (live_.contains(record.id));
    record.started_at = utc_now();
    live->used = now_();
    record.used_s = BootClock::seconds_of(live->used);
    if (record.ends_with && owner.process) {
        record.pid = owner.process->pid;
        record.pid_started = owner.process->started;
    }
    live->record = std::move(record);
    const std::string id = live->record.id;
    const bool brokered = live->record.brokered();
    if (brokered)
        if (const auto url = broker::parse_base_url(live->record.base_url); !url) co_return url.error();
    if (live->record.ends_with == ends_with::connection) live->connection = owner.connection;
    if (live->record.ends_with == ends_with::caller && !watch(live, *owner.process))
        co_return Error{ErrorCode::io_error, "the process that asked for the session has ended", "ask again"};
    // A connection ends with the daemon, and the next one could not tell that, where the process cannot be seen or goes
    // on with another connection.
    const bool ends_with_daemon = live->connection != 0 && (!live->record.pid || live->record.asked_anew);
    if (brokered && !ends_with_daemon) {
        if (auto kept = files_.keep(live->record); !kept) {
            storing_problem_ = kept.error();
            co_return kept.error();
        }
        live->has_file = true;
    }
    live->has_begun = !brokered;
    live_.emplace(id, live);
    if (remote) {
        live->remote = std::move(remote);
        live->has_begun = true;
        if (!has_grant(*live)) grant_anew_soon();
    } else if (brokered) {
        look_every_second();
        broker::ToBroker grant = grant_of(*live);
        auto taken = co_await link_.tell_and_wait(std::move(grant));
        if (!taken) {
            end(id, "it never began");
            co_return taken.error();
        }
        if (!live_.contains(id)) co_return id;  // somebody has ended it meanwhile
        live->has_begun = true;
    }
    totals_.started(live->record);
    sources_.happened("session.started", live->record, live->counts, std::nullopt);
    co_return id;
}

std::optional<SessionRow> Sessions::end(const std::string& id, const std::string& reason) {
    const auto found = live_.find(id);
    if (found == live_.end()) return std::nullopt;
    const auto live = found->second;
    live_.erase(found);
    live->process.reset();
    live->remote.reset();  // its connection: the other capsuled ends the grant
    if (live->record.brokered()) {
        // First from the disk: it must not come back, whatever happens next.
        if (auto gone = files_.forget(id); !gone) spdlog::error("{}", gone.error().message);
        link_.tell(broker::Revoke{id, reason});
    }
    log_info("session_ended", {{"session", id}, {"uid", std::int64_t{live->record.uid}}, {"why", reason}});
    if (live->has_begun) sources_.happened("session.ended", live->record, live->counts, reason);
    ended_.push_back({live, reason, now_(), utc_now()});
    if (ended_.size() > most_ended) ended_.pop_front();
    if (live->has_begun) keep_end(ended_.back());
    return session_row(live->record, live->counts, reason, now_());
}

void Sessions::end_with_token(const std::string& token_sha256) {
    for (const auto& [id, live] : live_)
        if (live->record.token_sha256 == token_sha256) {
            end(std::string(id), "its token is granted anew");
            return;
        }
}

void Sessions::connection_closed(std::uint64_t connection) {
    if (stopping_) return;
    std::vector<std::string> ids;
    for (const auto& [id, live] : live_)
        if (live->connection == connection) ids.push_back(id);
    for (const std::string& id : ids)
        end(id, "the connection that asked for it was closed");
}

bool Sessions::ends_with_connection(std::uint64_t connection) const {
    return std::ranges::any_of(live_, [&](const auto& each) { return each.second->connection == connection; });
}

void Sessions::stop() {
    if (!stopping_) keep_counts({});
    stopping_ = true;
    clock_.cancel();
    grant_pause_.cancel();
    link_.stop();
    remote_.stop();
}

}  // namespace capsule
