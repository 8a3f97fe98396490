#include "daemon/sessions/sessions.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <tuple>
#include <utility>

#include "daemon/broker/core/base_url.hpp"
#include "daemon/log/log.hpp"
#include "daemon/sessions/live.hpp"
#include "daemon/sessions/token.hpp"
#include "protocol/utc_time.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

/// Whoever only gets tokens here asks anew for them after a restart: within a second (RemoteLink's pause), or five
/// after one that failed (Sessions::grant_anew). Twice that. So it does when it has started anew itself.
constexpr std::uint32_t grants_come_within_ms = 10'000;

}  // namespace

Sessions::Sessions(asio::any_io_executor executor, Now now)
    : executor_(executor),
      now_(now),
      link_(executor,
            {[this] { return read_keys(); }, [this] { return grants(); },
             [this](const broker::Traffic& traffic) { count(traffic); },
             [this](const broker::Strangers& strangers) { totals_.add(strangers); }, [this] { broker_has_ended(); }}),
      holder_(executor),
      remote_(executor, [this] { grant_anew_soon(); }),
      remote_places_(executor),
      clock_(executor),
      grant_pause_(executor) {}

void Sessions::open(SessionFiles files, EndedFile ended, SessionSources sources, BrokerSettings settings, bool needed) {
    files_ = std::move(files);
    ended_file_ = std::move(ended);
    take_back_ended();
    sources_ = std::move(sources);
    settings_ = std::move(settings);
    has_granted_ = expects_grants_ = settings_.only_grants || files_.has_granted();
    expect_grants();
    std::vector<std::string> problems;
    for (KeptSession& kept : files_.load(problems))
        take_back(std::move(kept));
    for (const std::string& problem : problems)
        spdlog::warn("{}", problem);
    if (!live_.empty()) spdlog::info("{} sessions of before go on", live_.size());
    end_those_of_other_keys();
    look_at_state(needed || any_with_token());
    leave_out_agents();
    if (settings_.remote)
        open_remote(*settings_.remote);
    else if (needed || any_with_token())
        start_broker();
}

/// [broker] remote was added or taken out while no daemon ran.
void Sessions::end_those_of_other_keys() {
    const bool remote = settings_.remote.has_value();
    end_those_of_before(remote ? "its key was this capsuled's, and the keys are another one's now ([broker] remote)"
                               : "its key was another capsuled's, and the keys are this one's now ([broker] remote)",
                        [&](const SessionRecord& record) { return record.remote_url.has_value() != remote; });
}

/// Another capsuled asks anew for its sessions' tokens when this one has started. Until then the broker does not know
/// them, and an agent that is told so gives up. What is set here stays the same while this daemon runs: with another
/// setting, a reload would start the broker anew.
void Sessions::expect_grants() {
    if (expects_grants_) settings_.link.configure.grants_ms = grants_come_within_ms;
}

/// Writes the file once. The grant goes on where it cannot be written: then only what agents are told after a restart
/// is worse.
void Sessions::keep_that_it_granted() {
    if (std::exchange(has_granted_, true)) return;
    std::ignore = files_.keep_that_it_granted();
}

/// Of grants to another capsuled none is kept.
void Sessions::look_at_state(bool needed) {
    if (!needed || settings_.only_grants) return;
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
    const ProcessIdentity process{static_cast<pid_t>(*live->record.pid), live->record.pid_started.value_or(0),
                                  live->record.pid_inode.value_or(0)};
    if (auto still_there = watch_process(process))
        watch(live, std::move(*still_there));
    else
        end(id, "the process that it ends with has ended");
}

bool Sessions::any_with_token() const {
    return std::ranges::any_of(live_, [](const auto& each) { return each.second->record.brokered(); });
}

/// Where a server's user gets keys, an agent that runs as that user could listen for everybody's keys. A grant for such
/// a user is refused; sessions that live when the user is named are what is looked for here.
void Sessions::leave_out_agents() {
    BrokerLink::Settings& link = settings_.link;
    const auto runs_agents = [&](std::uint32_t uid) {
        return uid != ::geteuid() && std::ranges::any_of(live_, [&](const auto& each) {
                   return each.second->record.brokered() && each.second->record.uid == uid;
               });
    };
    constexpr std::string_view until = "until they have ended and the configuration is loaded again";
    if (auto& named = link.configure.upstream_uids)
        std::erase_if(*named, [&](std::uint32_t uid) {
            const bool left_out = runs_agents(uid);
            if (left_out)
                spdlog::warn("[broker] upstream_users: sessions run as uid {}, whose servers get no key {}", uid,
                             until);
            return left_out;
        });
    if (link.identity && runs_agents(link.identity->uid))
        link.cannot_start =
            Error{ErrorCode::config_conflict, fmt::format("[broker] user: sessions run as uid {}", link.identity->uid),
                  fmt::format("name a user that no agent runs as; the broker does not run {}", until)};
}

void Sessions::configure(BrokerSettings settings, bool needed) {
    settings_ = std::move(settings);
    expect_grants();
    if (remote_.started()) return;
    leave_out_agents();
    link_.change(settings_.link);
    if (needed || any_with_token()) start_broker();
}

asio::awaitable<Result<broker::UsageAnswer>> Sessions::ask_usage(broker::AskUsage question,
                                                                 std::function<bool()> is_wanted) {
    const auto url = co_await broker_url();
    if (!url) co_return url.error();
    auto answer = co_await link_.ask(std::move(question), std::move(is_wanted));
    co_return answer;
}

asio::awaitable<Result<std::string>> Sessions::begin(SessionRecord record, SessionOwner owner,
                                                     std::shared_ptr<RemoteGrant> remote) {
    make_room(owner);
    const auto live = std::make_shared<Live>();
    record.asked_by = owner.uid;
    record.asked_there = owner.asked_by;
    do
        record.id = make_session_id();
    while (live_.contains(record.id));
    record.started_at = utc_now();
    live->used = now_();
    record.used_s = BootClock::seconds_of(live->used);
    if (record.ends_with && owner.process) {
        record.pid = owner.process->identity.pid;
        record.pid_started = owner.process->identity.started;
        record.pid_inode = owner.process->identity.inode;
    }
    live->record = std::move(record);
    const std::string id = live->record.id;
    const bool brokered = live->record.brokered();
    if (brokered)
        if (const auto url = broker::parse_base_url(live->record.base_url); !url) co_return url.error();
    if (live->record.ends_with == ends_with::connection) live->connection = owner.connection;
    if (live->record.ends_with == ends_with::caller) watch(live, std::move(owner.process->end));
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
    if (brokered && !remote) hold_port();
    if (live->record.asked_anew) keep_that_it_granted();
    live->has_begun = !brokered;
    live_.emplace(id, live);
    if (remote) {
        live->remote = std::move(remote);
        live->has_begun = true;
        if (!has_grant(*live)) grant_anew_soon();
    } else if (brokered) {
        look_every_second();
        broker::ToBroker grant = grant_of(*live, sources_.look());
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

std::optional<SessionRow> Sessions::end(const std::string& id, const std::string& reason, bool may_come_again) {
    const auto found = live_.find(id);
    if (found == live_.end()) return std::nullopt;
    const auto live = found->second;
    live_.erase(found);
    live->process.reset();
    live->remote.reset();  // its connection: the other capsuled ends the grant
    if (live->record.brokered()) {
        // First from the disk: it must not come back, whatever happens next.
        if (auto gone = files_.forget(id); !gone) spdlog::error("{}", gone.error().message);
        broker::Revoke revoke{id, reason};
        if (may_come_again) revoke.grants_ms = grants_come_within_ms;
        link_.tell(broker::ToBroker(std::move(revoke)));
    }
    log_info("session_ended", {{"session", id},
                               {"uid", std::int64_t{live->record.uid}},
                               {"asked_by", std::int64_t{live->record.asker()}},
                               {"why", reason}});
    if (live->has_begun) sources_.happened("session.ended", live->record, live->counts, reason);
    ended_.push_back({live, reason, now_(), utc_now()});
    if (live->has_begun) keep_end(ended_.back());
    forget_one_ended();
    return session_row(live->record, live->counts, reason, now_());
}

void Sessions::end_with_token(const std::string& token_sha256) {
    for (const auto& [id, live] : live_)
        if (live->record.token_sha256 == token_sha256) {
            end(std::string(id), "its token is granted anew", true);
            return;
        }
}

void Sessions::connection_closed(std::uint64_t connection) {
    if (stopping_) return;
    // Another capsuled, which has started anew perhaps, asks for tokens again.
    std::vector<std::pair<std::string, bool>> ending;
    for (const auto& [id, live] : live_)
        if (live->connection == connection)
            ending.emplace_back(id, live->record.asked_anew || live->record.asked_there);
    for (const auto& [id, may_come_again] : ending)
        end(id, "the connection that asked for it was closed", may_come_again);
}

bool Sessions::ends_with_connection(std::uint64_t connection) const {
    return std::ranges::any_of(live_, [&](const auto& each) { return each.second->connection == connection; });
}

void Sessions::stop() {
    if (!stopping_) keep_counts({}, live_.size());
    stopping_ = true;
    if (!any_has_port()) holder_.finish();
    clock_.cancel();
    grant_pause_.cancel();
    link_.stop();
    remote_.stop();
    remote_places_.stop();
}

}  // namespace capsule
