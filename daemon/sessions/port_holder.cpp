#include "daemon/sessions/port_holder.hpp"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "daemon/process/essential.hpp"
#include "daemon/process/systemd.hpp"
#include "protocol/own_signals.hpp"

namespace capsule {
namespace asio = boost::asio;
namespace {

constexpr std::chrono::seconds start_again{1};

void end_process(const ProcessIdentity& process) {
    const auto watched = watch_process(process);
    if (watched) ::syscall(SYS_pidfd_send_signal, watched->get(), SIGKILL, nullptr, 0);
}

}  // namespace

struct PortHolder::Shared {
    Shared(const asio::any_io_executor& io) : control(io), pause(io) {}
    asio::posix::stream_descriptor control;  ///< open: it runs
    asio::steady_timer pause;
    UniqueFd held;
    std::optional<BrokerIdentity> identity;
    std::optional<ProcessIdentity> before;
    std::function<void(const ProcessIdentity&)> started;
    bool stopping = false;
};

PortHolder::PortHolder(asio::any_io_executor executor) : executor_(std::move(executor)) {}

PortHolder::~PortHolder() {
    if (!running_) return;
    running_->stopping = true;
    running_->pause.cancel();
    boost::system::error_code ignored;
    running_->control.close(ignored);
}

Result<std::uint16_t> PortHolder::take(std::uint16_t port, const std::optional<uid_t>& maker) {
    auto held = hold_port(port, maker);
    if (!held) return held.error();
    held_ = std::move(held->descriptor);
    keep_in_systemd(held_.get());
    return held->port;
}

void PortHolder::start(std::optional<BrokerIdentity> identity, std::optional<ProcessIdentity> before,
                       std::function<void(const ProcessIdentity&)> started) {
    if (running_ || !held_) return;
    running_ = std::make_shared<Shared>(executor_);
    running_->held = std::move(held_);
    running_->identity = std::move(identity);
    running_->before = before;
    running_->started = std::move(started);
    spawn_essential(executor_, keep_running(running_));
}

void PortHolder::finish() {
    if (!running_) return;
    running_->stopping = true;
    running_->pause.cancel();
    if (running_->control.is_open()) ::send(running_->control.native_handle(), ".", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

asio::awaitable<void> PortHolder::keep_running(std::shared_ptr<Shared> shared) {
    bool told = false;
    while (!shared->stopping) {
        const auto program = broker_program();
        auto process = program ? start_port_holder(*program, shared->held.get(), shared->identity)
                               : Result<RunningBroker>(program.error());
        boost::system::error_code ignored;
        if (process) {
            const pid_t pid = process->pid;
            shared->control.assign(process->control.release());
            if (const auto identity = process_with(pid)) shared->started(*identity);
            if (const auto before = std::exchange(shared->before, std::nullopt)) end_process(*before);
            co_await shared->control.async_wait(asio::posix::stream_descriptor::wait_read,
                                                asio::redirect_error(asio::use_awaitable, ignored));
            shared->control.close(ignored);
            if (shared->stopping) break;
            signal_child(pid, SIGKILL);
            ::waitpid(pid, nullptr, 0);
        } else if (!std::exchange(told, true)) {
            spdlog::warn("while the daemon is not there, another user can take the broker's port: {}",
                         process.error().message);
        }
        shared->pause.expires_after(start_again);
        co_await shared->pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
}

}  // namespace capsule
