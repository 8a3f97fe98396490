// The sessions that may make requests, and what each of them did.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/broker/control.hpp"
#include "daemon/broker/core/answer_reader.hpp"
#include "daemon/broker/core/error_text.hpp"
#include "daemon/broker/core/places.hpp"
#include "daemon/broker/core/provider_limits.hpp"
#include "daemon/broker/core/refusal.hpp"
#include "daemon/broker/upstream.hpp"

namespace capsule::broker {

using Digest = std::array<unsigned char, 32>;  ///< SHA-256

Digest digest_of(std::string_view text);

struct Session {
    Grant grant;  ///< without its key
    Digest token{};
    std::optional<Share> share;  ///< none: whoever uses it pays for it
    BaseUrl base;
    Surface surface = Surface::anthropic_messages;
    std::vector<LimitRule> rules;
    std::shared_ptr<Upstream> upstream;  ///< none: there is no key
    std::string why_no_key;
    bool live = true;
    std::uint32_t streams = 0;  ///< requests under way
    Traffic traffic;            ///< since the last message
    bool changed = false;       ///< it is among DueTraffic
};

/// The sessions that have something to tell capsuled.
class DueTraffic {
  public:
    /// Calls `call` each time that a session has something to tell.
    void on_due(std::function<void()> call) { call_ = std::move(call); }

    void add(const std::shared_ptr<Session>& session) {
        if (!session->changed) sessions_.push_back(session);
        session->changed = true;
        if (call_) call_();
    }

    /// The one that has been due for longest; null: none is.
    std::shared_ptr<Session> take() {
        if (sessions_.empty()) return nullptr;
        auto session = std::move(sessions_.front());
        sessions_.pop_front();
        session->changed = false;
        return session;
    }

  private:
    std::deque<std::shared_ptr<Session>> sessions_;
    std::function<void()> call_;
};

/// A request of the session is under way for as long as this is there. It may outlive the broker.
class UnderWay {
  public:
    UnderWay(std::weak_ptr<DueTraffic> due, std::shared_ptr<Session> session)
        : due_(std::move(due)), session_(std::move(session)) {
        ++session_->streams;
    }
    UnderWay(const UnderWay&) = delete;
    UnderWay& operator=(const UnderWay&) = delete;
    ~UnderWay() {
        --session_->streams;
        try {
            if (const auto due = due_.lock()) due->add(session_);
        } catch (const std::bad_alloc&) {  // told with the session's next request
        }
    }

  private:
    std::weak_ptr<DueTraffic> due_;
    std::shared_ptr<Session> session_;
};

/// What a session without a key is told.
Refusal no_key_for(const Session& session);

/// The end of one exchange, as it is counted.
struct Exchanged {
    int status = 0;      ///< 0: none came
    bool whole = false;  ///< the answer came to its end
    std::string asked, answered, message;
    std::optional<Limit> limit;
    std::uint64_t bytes_up = 0, bytes_down = 0;
    double seconds = 0;  ///< from the request's head to the answer's
};

class Sessions {
  public:
    const std::shared_ptr<DueTraffic>& due() const noexcept { return due_; }

    Result<void> grant(Grant grant);
    void set_key(const Key& key);

    /// Gives the session that has ended, for its streams to be cut.
    std::shared_ptr<Session> revoke(const Revoke& revoke, Clock::time_point now);

    /// By its token; none: unknown. Takes the same time for every token that is not one.
    std::shared_ptr<Session> find(std::string_view token) const;

    /// Why a token is none any more; empty: it never was one, or long ago.
    std::string ended(std::string_view token) const;

    /// Whether it was one, and may be granted anew.
    bool may_come_again(std::string_view token, Clock::time_point now) const;

    /// Who pays for that user's live sessions: that user alone, if for one of them, or if one is anybody's who has its
    /// token.
    std::vector<Payer> payers_of(std::uint32_t uid) const;
    bool pays_for_itself(std::uint32_t uid) const;

    /// Whether a live session has this base path (with or without a slash at its end).
    bool has_base_path(std::string_view path) const;

    /// Of a request: once it has begun, and once it has ended.
    void begun(const std::shared_ptr<Session>& session);
    /// Of a request that is under way: the tokens that its answer has told of since the last time.
    void spent(const std::shared_ptr<Session>& session, const Usage& more);
    void ended(const std::shared_ptr<Session>& session, const Exchanged& exchanged);
    /// The message that has been due for longest. What comes before it is taken is added to it. None: none is due.
    std::optional<Traffic> take_traffic();

    /// To the providers of all of them.
    KeptStreams& kept() noexcept { return *kept_; }

  private:
    void no_longer_live(Session& session);
    std::shared_ptr<Upstream> upstream_for(const BaseUrl& base, const Secret& key);

    struct Hash {
        std::size_t operator()(const Digest& digest) const noexcept;
    };
    std::unordered_map<std::string, std::shared_ptr<Session>> by_id_;
    /// Two have one token for a while: whose caller asked for it again while it was being granted.
    std::unordered_multimap<Digest, std::shared_ptr<Session>, Hash> by_token_;
    std::map<std::pair<Uid, Payer>, std::size_t> users_;  ///< how many live sessions each has
    std::vector<std::weak_ptr<Upstream>> upstreams_;
    std::shared_ptr<KeptStreams> kept_ = std::make_shared<KeptStreams>();
    std::deque<std::pair<Digest, std::string>> ended_;
    /// Until when each may be granted anew. When there are so many, those whose time is over are left out.
    std::unordered_map<Digest, Clock::time_point, Hash> may_come_again_;
    std::size_t most_that_may_come_ = 0;
    std::shared_ptr<DueTraffic> due_ = std::make_shared<DueTraffic>();
};

/// RFC 3339, UTC, whole seconds.
const std::string& now_text();

}  // namespace capsule::broker
