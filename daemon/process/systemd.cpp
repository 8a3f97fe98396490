#include "daemon/process/systemd.hpp"

#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>
#include <vector>

namespace capsule {
namespace {

/// libsystemd brings half a dozen libraries with it, so only a daemon that systemd has started loads it.
class Libsystemd {
  public:
    /// Null without systemd. Fails at start when it is wanted and not there.
    static const Libsystemd* get() {
        static const std::optional<Libsystemd> loaded = load();
        return loaded ? &*loaded : nullptr;
    }

    decltype(&sd_notify) notify = nullptr;
    decltype(&sd_pid_notify_with_fds) notify_with_fds = nullptr;
    decltype(&sd_watchdog_enabled) watchdog_enabled = nullptr;
    decltype(&sd_listen_fds_with_names) listen_fds = nullptr;
    decltype(&sd_is_socket_unix) is_socket_unix = nullptr;

  private:
    static std::optional<Libsystemd> load() {
        constexpr const char* variables[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS"};
        bool wanted = false;
        for (const char* variable : variables)
            wanted = wanted || std::getenv(variable) != nullptr;
        if (!wanted) return std::nullopt;
        void* library = ::dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
        Libsystemd functions;
        if (library == nullptr || !find(library, "sd_notify", functions.notify) ||
            !find(library, "sd_pid_notify_with_fds", functions.notify_with_fds) ||
            !find(library, "sd_watchdog_enabled", functions.watchdog_enabled) ||
            !find(library, "sd_listen_fds_with_names", functions.listen_fds) ||
            !find(library, "sd_is_socket_unix", functions.is_socket_unix))
            throw Failure({ErrorCode::internal_error, std::string("started by systemd, but ") + ::dlerror(),
                           "install the package libsystemd0, or start it without NOTIFY_SOCKET and LISTEN_FDS"});
        return functions;
    }

    template <class Function>
    static bool find(void* library, const char* name, Function& function) {
        function = reinterpret_cast<Function>(::dlsym(library, name));
        return function != nullptr;
    }
};

void notify(const std::string& state) {
    if (const Libsystemd* systemd = Libsystemd::get()) systemd->notify(0, state.c_str());
}

constexpr std::string_view kept_name = "capsule-kept";

/// Without what keep_in_systemd() gave, which is closed.
std::vector<int> passed_sockets() {
    const Libsystemd* systemd = Libsystemd::get();
    char** names = nullptr;
    const int count = systemd == nullptr ? 0 : systemd->listen_fds(1, &names);
    std::vector<int> out;
    for (int i = 0; i < count; ++i) {
        const int descriptor = SD_LISTEN_FDS_START + i;
        if (names[i] == kept_name)
            ::close(descriptor);
        else
            out.push_back(descriptor);
        ::free(names[i]);
    }
    ::free(names);
    return out;
}

}  // namespace

void notify_ready(const std::string& status) {
    notify("READY=1\nSTATUS=" + status);
}

void notify_reloading() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    // Type=notify-reload wants the time, so that it can tell this reload from an earlier one.
    const auto microseconds = static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
    notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds));
}

void notify_stopping() {
    notify("STOPPING=1");
}
void notify_watchdog() {
    notify("WATCHDOG=1");
}

std::optional<std::chrono::microseconds> watchdog_interval() {
    const Libsystemd* systemd = Libsystemd::get();
    std::uint64_t limit = 0;
    if (systemd == nullptr || systemd->watchdog_enabled(0, &limit) <= 0) return std::nullopt;
    return std::chrono::microseconds(limit / 2);
}

void forget_in_systemd() {
    notify("FDSTOREREMOVE=1\nFDNAME=" + std::string(kept_name));
}

void keep_in_systemd(int descriptor) {
    const Libsystemd* systemd = Libsystemd::get();
    if (systemd == nullptr || std::getenv("NOTIFY_SOCKET") == nullptr) return;
    const std::string name = "FDNAME=" + std::string(kept_name);
    forget_in_systemd();
    // FDPOLL=0: a socket that does not listen looks hung up, and systemd would close it at once.
    systemd->notify_with_fds(0, 0, ("FDSTORE=1\nFDPOLL=0\n" + name).c_str(), &descriptor, 1);
}

Result<std::optional<ActivatedSocket>> activated_socket() {
    const std::vector<int> passed = passed_sockets();
    if (passed.empty()) return std::optional<ActivatedSocket>();
    const int first = passed.front();
    sockaddr_un address{};
    socklen_t length = sizeof address;
    const bool usable =
        passed.size() == 1 && Libsystemd::get()->is_socket_unix(first, SOCK_STREAM, 1, nullptr, 0) > 0 &&
        ::getsockname(first, reinterpret_cast<sockaddr*>(&address), &length) == 0 && address.sun_path[0] == '/';
    if (!usable)
        return Error{
            ErrorCode::io_error,
            "systemd passed " + std::to_string(passed.size()) + " descriptors, not one listening Unix stream socket",
            "give capsuled.socket exactly one ListenStream= with a path"};
    return std::optional<ActivatedSocket>({first, address.sun_path});
}

}  // namespace capsule
