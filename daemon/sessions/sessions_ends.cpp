// What sessions end with that nobody tells: the end of a process, and time.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <utility>

#include "daemon/base/ready.hpp"
#include "daemon/sessions/live.hpp"
#include "daemon/sessions/sessions.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

/// While a session with a token lives: its key may change in a file that nobody tells us of. To look at a few small
/// files costs less than what it takes to watch every directory that leads to them (Kubernetes changes a link there).
constexpr std::chrono::seconds look_again{1};

}  // namespace

void Sessions::watch(const std::shared_ptr<Live>& live, UniqueFd end) {
    live->process.emplace(executor_, end.get());
    end.release();
    wait_for_end(live);
}

void Sessions::wait_for_end(const std::shared_ptr<Live>& live) {
    live->process->async_wait(asio::posix::stream_descriptor::wait_read,
                              [this, weak = std::weak_ptr<Live>(live)](boost::system::error_code error) {
                                  const auto ending = weak.lock();
                                  if (error || !ending || stopping_) return;
                                  if (!is_ready_to_read(ending->process->native_handle())) return wait_for_end(ending);
                                  end(ending->record.id, "the process that it ends with has ended");
                              });
}

void Sessions::look_every_second() {
    if (looking_ || stopping_) return;
    looking_ = true;
    clock_.expires_after(look_again);
    clock_.async_wait([this](boost::system::error_code error) {
        looking_ = false;
        if (error || stopping_) return;
        for (broker::Key& change : changed_keys())
            link_.tell(broker::ToBroker(std::move(change)));
        keep_counts(counts_are_kept_within, most_written_at_once);
        end_idle_ones();
        if (any_with_token()) look_every_second();
    });
}

/// With what came meanwhile; then a daemon that is started often makes no session live for ever.
void Sessions::keep_counts(std::chrono::seconds older_than, std::size_t most) {
    const auto now = now_();
    for (const auto& [id, live] : live_) {
        if (!live->has_file || !live->changed || now - live->written < older_than) continue;
        if (most-- == 0) return;
        live->changed = false;
        live->written = now;
        live->record.used_s = BootClock::seconds_of(live->used);
        auto kept = files_.keep(live->record, live->counts.kept(now));
        if (!kept && !std::exchange(told_of_disk_, true)) spdlog::warn("{}", kept.error().message);
    }
}

void Sessions::take_back_ended() {
    const auto now = now_();
    std::vector<KeptEnd> shown;
    for (KeptEnd& each : ended_file_.load()) {
        const auto then = utc_time(each.at);
        const auto age = then ? wall_now() - *then : ended_are_shown;
        if (age < std::chrono::seconds(0) || age >= ended_are_shown) continue;
        const auto session = std::make_shared<Live>();
        session->record = each.session;
        session->counts = SessionCounts(each.counts, now);
        ended_.push_back({session, each.reason, now - age, each.at});
        forget_one_ended();
        shown.push_back(std::move(each));
    }
    if (shown.empty()) return;
    if (auto kept = ended_file_.replace(shown); !kept) spdlog::warn("{}", kept.error().message);
}

/// Where there are too many: the first of whoever has asked for most of them. So nobody's are out of sight for another
/// one's many.
void Sessions::forget_one_ended() {
    if (ended_.size() <= most_ended_sessions) return;
    const auto asker = [](const Ended& each) {
        const SessionRecord& record = each.session->record;
        return std::pair(record.asker(), record.asked_there);
    };
    std::map<std::pair<std::uint32_t, std::optional<std::uint32_t>>, std::size_t> counts;
    for (const Ended& each : ended_)
        ++counts[asker(each)];
    const auto most = std::ranges::max_element(counts, {}, [](const auto& each) { return each.second; })->first;
    ended_.erase(std::ranges::find(ended_, most, asker));
}

void Sessions::keep_end(const Ended& ended) {
    const KeptEnd line{ended.session->record, ended.session->counts.kept(now_()), ended.reason, ended.at_text};
    const auto kept = ended_file_.add(line);
    if (!kept && !std::exchange(told_of_disk_, true)) spdlog::warn("{}", kept.error().message);
}

/// Whoever asks for sessions without end takes room from nobody but themselves. Another capsuled asks for all its
/// users, and the one of them who has most makes room: none pays for another one.
void Sessions::make_room(const SessionOwner& owner) {
    if (!owner.most) return;
    struct Asked {
        std::uint64_t count = 0;
        const Live* idlest = nullptr;
    };
    std::map<std::optional<std::uint32_t>, Asked> askers;
    const auto is_idler = [](const Live& one, const Live& other) {
        const bool works = one.counts.streams > 0, other_works = other.counts.streams > 0;
        return works == other_works ? one.used < other.used : other_works;
    };
    std::uint64_t all = 0;
    for (const auto& [id, live] : live_) {
        if (live->record.asker() != owner.uid) continue;
        Asked& asked = askers[live->record.asked_there];
        ++all;
        ++asked.count;
        if (asked.idlest == nullptr || is_idler(*live, *asked.idlest)) asked.idlest = live.get();
    }
    std::string who;
    const Asked* too_many = nullptr;
    if (const Asked& own = askers[owner.asked_by]; own.count >= *owner.most) {
        too_many = &own;
        who =
            fmt::format("uid {} has asked for more than {} sessions", owner.asked_by.value_or(owner.uid), *owner.most);
    } else if (all >= owner.most_in_all) {
        const auto count = [](const auto& each) { return each.second.count; };
        const auto& [asker, its] = *std::ranges::max_element(askers, {}, count);
        too_many = &its;
        who = fmt::format("uid {} has asked for more than {} sessions for its users, most of them for uid {}",
                          owner.uid, owner.most_in_all, asker.value_or(owner.uid));
    }
    if (too_many == nullptr || too_many->idlest == nullptr) return;
    end(std::string(too_many->idlest->record.id), who + " ([limits] sessions_per_user), and this one was idle longest");
}

void Sessions::end_idle_ones() {
    const auto then = now_() - settings_.idle;
    std::vector<std::string> ids;
    for (const auto& [id, live] : live_) {
        if (live->record.ends_with) continue;
        if (live->counts.streams == 0 && live->used < then) ids.push_back(id);
    }
    for (const std::string& id : ids)
        end(id, "no request for " + std::to_string(settings_.idle.count()) + " hours ([broker] idle_hours)");
}

}  // namespace capsule
