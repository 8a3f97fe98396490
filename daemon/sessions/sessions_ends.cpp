// What sessions end with that nobody tells: the end of a process, and time.
#include <spdlog/spdlog.h>

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

bool Sessions::watch(const std::shared_ptr<Live>& live, const ProcessIdentity& process) {
    auto descriptor = watch_process(process);
    if (!descriptor) return false;
    live->process.emplace(executor_, descriptor->release());
    wait_for_end(live);
    return true;
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
        end_idle_ones();
        if (any_with_token()) look_every_second();
    });
}

/// A daemon that is started often must not make a session live for ever.
void Sessions::keep_when_used(Live& live) {
    const std::int64_t used = BootClock::seconds_of(live.used);
    if (used - live.record.used_s.value_or(0) < std::chrono::seconds(use_is_kept_within).count()) return;
    live.record.used_s = used;
    if (auto kept = files_.keep(live.record); !kept) spdlog::warn("{}", kept.error().message);
}

void Sessions::end_idle_ones() {
    const auto then = now_() - settings_.idle;
    std::vector<std::string> ids;
    for (const auto& [id, live] : live_) {
        if (live->record.ends_with) continue;
        if (live->counts.streams == 0 && live->used < then)
            ids.push_back(id);
        else if (live->record.brokered())
            keep_when_used(*live);
    }
    for (const std::string& id : ids)
        end(id, "no request for " + std::to_string(settings_.idle.count()) + " hours ([broker] idle_hours)");
}

}  // namespace capsule
