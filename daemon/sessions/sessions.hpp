// The sessions that were given out: each ends when it should, and what was given to it is worth nothing from then on.
// Lives on the I/O thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/boot_clock.hpp"
#include "daemon/base/secret.hpp"
#include "daemon/process/shared_run.hpp"
#include "daemon/sessions/broker_link.hpp"
#include "daemon/sessions/ended_file.hpp"
#include "daemon/sessions/known_limits.hpp"
#include "daemon/sessions/port_holder.hpp"
#include "daemon/sessions/remote_link.hpp"
#include "daemon/sessions/remote_places.hpp"
#include "daemon/sessions/session.hpp"
#include "daemon/sessions/session_files.hpp"
#include "daemon/sessions/totals.hpp"

namespace capsule {

/// A session's key as it is now.
struct KeyNow {
    std::optional<Secret> value;
    std::string reason;    ///< why there is none
    std::string source{};  ///< where it is from, such as "environment"
    std::string scope{};   ///< where it was found: role, workspace, global, container
};

using KeyLook = std::function<KeyNow(const SessionRecord&)>;

/// Live sessions that are worth a warning.
struct Conspicuous {
    struct Some {
        std::vector<SessionRow> rows;
        std::uint64_t more = 0;  ///< that have no row here
    };
    Some other_model;  ///< another model answered than was asked
    Some failing;
};

/// One that sessions.list shows, as it is or was at its end. A row has up to 1 KiB of models' names, and is made
/// when it is needed.
struct ListedSession {
    std::shared_ptr<const SessionRecord> record;
    std::shared_ptr<const SessionCounts> counts;
    std::optional<std::string> ended{};  ///< why; none: it lived
};

/// A live session that has a token and no key.
struct KeylessSession {
    SessionRow row;  ///< without what it did
    std::string reason;
};

/// What [broker] comes to.
struct BrokerSettings {
    std::optional<std::uint16_t> port;  ///< none: that of the last time, else the kernel's choice
    bool hold_port = false;             ///< while the daemon is not there, no other user can take the port
    BrokerLink::Settings link;
    std::chrono::hours idle{24};
    std::optional<std::string> remote{};  ///< the socket of the capsuled that has the keys; none: this one
    bool only_grants = false;             ///< all sessions are another capsuled's, and none is kept
};

/// What sessions need to know of the rest of the daemon.
struct SessionSources {
    /// Without waiting. For one pass over sessions: it reads a file once, however many of them have their key there.
    std::function<KeyLook()> look;
    /// Reads what look() would have to wait for (a password manager), if there is such a thing.
    std::function<boost::asio::awaitable<void>(std::vector<SessionRecord>)> read_keys;
    /// Adds to a grant what the catalog says of the provider.
    std::function<void(broker::Grant&)> describe;
    /// What happened to a session (session.started, session.ended, session.limit); `ended` as in session_row().
    std::function<void(std::string_view what, const SessionRecord&, const SessionCounts&,
                       const std::optional<std::string>& ended)>
        happened = [](auto, const auto&, const auto&, const auto&) {};
};

/// Who asked for a session.
struct SessionOwner {
    std::shared_ptr<WatchedProcess> process;  ///< null: not to be known
    std::uint64_t connection = 0;
    std::uint32_t uid = 0;
    std::optional<std::uint32_t> asked_by{};  ///< for whom that one asks: another capsuled does for its own users
    std::optional<std::uint64_t> most{};      ///< how many sessions of each of these may live at a time; none: no bound
    std::uint64_t most_in_all = 0;            ///< and of all for whom `uid` asks
};

/// How a key is called where its value may not stand.
std::string key_name(const Secret& key);

class Sessions {
  public:
    using Now = BootClock::time_point (*)();

    explicit Sessions(boost::asio::any_io_executor executor, Now now = BootClock::now);

    /// Takes back the sessions that an earlier daemon left, and starts the broker if one of them has a token or
    /// `needed`. Once, before any other call.
    void open(SessionFiles files, EndedFile ended, SessionSources sources, BrokerSettings settings, bool needed);

    /// After a reload. Another port holds from the daemon's next start on: running sessions have the one that is.
    void configure(BrokerSettings settings, bool needed);

    /// "http://127.0.0.1:4587". Fails with io.error where the port cannot be had within some seconds.
    boost::asio::awaitable<Result<std::string>> broker_url();

    /// Asks a provider what is left of a plan, by the broker, which is started if there is none. Fails with io.error.
    boost::asio::awaitable<Result<broker::UsageAnswer>> ask_usage(broker::AskUsage question,
                                                                  std::function<bool()> is_wanted);
    /// Of a session that was given this broker's address before: session.unknown where another program has taken the
    /// port meanwhile.
    Result<void> check_port() const;
    bool broker_runs() const noexcept { return link_.state() == BrokerLink::State::running; }

    /// From here on the session lives: its end is watched for, it is kept on disk and told to the broker, which has
    /// taken it. `record` comes without id and time; with a token it has the token's hash. Gives the id. Fails with
    /// io.error (no broker, no disk); then there is no session.
    /// `remote`: what the capsuled that has the keys granted for it.
    boost::asio::awaitable<Result<std::string>> begin(SessionRecord record, SessionOwner owner,
                                                      std::shared_ptr<RemoteGrant> remote = nullptr);

    /// The capsuled that has the keys, where that is another one.
    RemoteLink& remote() noexcept { return remote_; }
    /// For what may take long there.
    RemotePlaces& remote_places() noexcept { return remote_places_; }

    /// From that capsuled, which is waited for with a bound. A key that a password manager has is read in one of
    /// remote_places() first. Fails as RemotePlaces::take() and RemoteLink::grant() do.
    boost::asio::awaitable<Result<std::shared_ptr<RemoteGrant>>> grant_remotely(std::uint32_t asker,
                                                                                GrantParams params);

    /// Asks that capsuled what the sessions did, and waits for `limit`; an answer of some hundred milliseconds ago is
    /// good enough. Nothing where there is none. All models are asked for of those alone that have done something
    /// since.
    boost::asio::awaitable<void> refresh_counts(ShownModels models,
                                                std::chrono::milliseconds limit = RemoteLink::answer_limit);
    /// Of these alone, and what they did up to now, where they are a few.
    boost::asio::awaitable<void> refresh_counts_of(const std::vector<std::string>& ids, ShownModels models);

    /// Ends the session with that token, if one lives: it is about to be granted anew.
    void end_with_token(const std::string& token_sha256);

    /// Ends a session; none: no live one has that id. `may_come_again`: whoever has its token may ask for it again in
    /// some seconds, and its agents are told to try again until then.
    std::optional<SessionRow> end(const std::string& id, const std::string& reason, bool may_come_again = false);

    /// Those that end with that connection end, unless the daemon stops, which ends none.
    void connection_closed(std::uint64_t connection);
    bool ends_with_connection(std::uint64_t connection) const;

    /// Looks whether the sessions' keys have changed, waits for what takes time to read, and until the broker has the
    /// new ones.
    boost::asio::awaitable<void> refresh_keys();

    /// `all`: with those that ended within the last day. `ids`: of these alone.
    std::vector<ListedSession> listed(bool all,
                                      const std::optional<std::vector<std::string>>& ids = std::nullopt) const;
    SessionRow row_of(const ListedSession& session, ShownModels models = ShownModels::all) const;
    /// The rows of listed(), which take a while where there are many.
    std::vector<SessionRow> list(bool all, const std::optional<std::vector<std::string>>& ids = std::nullopt) const;
    /// Live ones that another model answered, or whose last request failed for a reason that is no limit: some of them,
    /// as each status asks, and one user may have a thousand with many models each.
    Conspicuous conspicuous() const;

    /// As of the last look at the keys: refresh_keys(), or a second ago. With `[broker] remote` those that the capsuled
    /// with the keys does not grant anew.
    std::vector<KeylessSession> without_key() const;

    /// What sessions with a token were refused last. Their keys go by key_name().
    const KnownLimits& limits() const noexcept { return limits_; }
    /// What is known of a provider by a key that a live session uses now.
    std::optional<SessionLimit> limit_of_live(const std::string& provider) const;
    /// None: there is no broker.
    std::optional<BrokerStatus> broker_status() const;
    /// Adds what the sessions did to `out`.
    void put_into(MetricsResult& out) const;

    /// Why no session with a token could be kept, as far as is known; then it is looked at again.
    std::optional<Error> storing_problem();

    /// No session ends with what happens from here on; the broker does.
    void stop();

  private:
    struct Live;
    struct Ended {
        std::shared_ptr<Live> session;
        std::string reason;
        BootClock::time_point at;
        std::string at_text;  ///< RFC 3339, UTC
    };

    void start_broker();
    void open_remote(std::string path);
    void look_at_state(bool needed);
    void expect_grants();
    void keep_that_it_granted();
    void leave_out_agents();
    void grant_anew_soon();
    bool has_grant(const Live& live) const;
    std::vector<std::shared_ptr<Live>> without_grant() const;
    boost::asio::awaitable<void> grant_anew();
    boost::asio::awaitable<bool> grant_anew(std::shared_ptr<Live> live);
    boost::asio::awaitable<Result<void>> have_key_read(std::uint32_t asker, GrantParams params);
    boost::asio::awaitable<void> read_before_grant(std::shared_ptr<Live> live);
    static void is_not_granted(Live& live, const Error& error);
    boost::asio::awaitable<void> refresh_counts(ShownModels models, std::chrono::steady_clock::time_point end);
    std::vector<std::string> to_ask_for(ShownModels models) const;
    boost::asio::awaitable<bool> ask_for_counts(std::vector<std::string> ids, ShownModels models,
                                                std::chrono::steady_clock::time_point end);
    boost::asio::awaitable<void> watch_counts();
    BrokerStatus remote_status() const;
    boost::asio::awaitable<void> find_port(std::uint16_t port);
    bool try_port(std::uint16_t port);
    Result<LoopbackSocket> take_port(std::uint16_t port, const std::optional<uid_t>& maker);
    void hold_port();
    void end_those_of_before(const std::string& reason, const std::function<bool(const SessionRecord&)>& which = {});
    void end_those_of_other_keys();
    boost::asio::awaitable<void> read_keys();
    std::vector<broker::Grant> grants();
    static void keep_scope(Live& live, const std::string& scope);
    broker::Grant grant_of(Live& live, const KeyLook& key_of);
    std::vector<broker::Key> changed_keys();
    void count(const broker::Traffic& traffic);
    void broker_has_ended();
    std::shared_ptr<Live> live_or_ended(const std::string& id) const;
    void learn_limits(Live& live, const std::vector<broker::Verdict>& verdicts, bool is_live);
    static void tell_of_model(Live& live);
    void take_counts(Live& live, SessionRow row, ShownModels models);  ///< what the other capsuled says of it
    void watch(const std::shared_ptr<Live>& live, UniqueFd end);
    void wait_for_end(const std::shared_ptr<Live>& live);
    void take_back(KeptSession kept);
    void take_back_ended();
    void forget_one_ended();
    void keep_end(const Ended& ended);
    void look_every_second();
    void end_idle_ones();
    void make_room(const SessionOwner& owner);
    void keep_counts(std::chrono::seconds older_than, std::size_t most);
    bool any_with_token() const;
    bool any_has_port() const;

    boost::asio::any_io_executor executor_;
    Now now_;
    SessionFiles files_;
    EndedFile ended_file_;
    bool told_of_disk_ = false;
    bool told_of_counts_ = false;  ///< that the other capsuled does not say what sessions did
    SessionSources sources_;
    BrokerSettings settings_;
    BrokerLink link_;
    PortHolder holder_;
    RemoteLink remote_;
    RemotePlaces remote_places_;
    std::set<std::uint32_t> reading_for_;  ///< for whom a key is read there, before a session is granted anew
    struct RefreshOfCounts {
        std::shared_ptr<SharedRun<bool>> now;  ///< the last that began
        std::optional<std::chrono::steady_clock::time_point> began;
    };
    std::map<ShownModels, RefreshOfCounts> refreshes_;
    std::optional<std::uint16_t> port_;
    std::optional<uid_t> maker_;  ///< of the port's sockets
    std::string port_problem_;
    bool port_is_taken_ = false;  ///< and was waited for
    std::optional<Error> storing_problem_;
    bool finding_port_ = false;
    bool has_granted_ = false;     ///< to another capsuled, since the machine started; true where it does nothing else
    bool expects_grants_ = false;  ///< that, when this daemon started
    std::map<std::string, std::shared_ptr<Live>> live_;
    std::deque<Ended> ended_;
    KnownLimits limits_;
    Totals totals_;
    boost::asio::steady_timer clock_;
    bool looking_ = false;
    boost::asio::steady_timer grant_pause_;
    bool granting_anew_ = false;
    bool stopping_ = false;
};

}  // namespace capsule
