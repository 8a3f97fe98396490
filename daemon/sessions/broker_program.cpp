#include "daemon/sessions/broker_program.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

#include "daemon/base/trusted_path.hpp"

namespace capsule {
namespace {

Error failed_to(const std::string& what, int error, std::string hint) {
    return {ErrorCode::io_error, "cannot " + what + ": " + std::generic_category().message(error), std::move(hint)};
}

/// Descriptors that stand above those that the child gets, so that no dup2 there closes another one first.
constexpr int above = 10;
constexpr int broker_listener = 3, broker_control = 4, first_other = 5;

struct FileActions {
    posix_spawn_file_actions_t actions{};
    FileActions() { ::posix_spawn_file_actions_init(&actions); }
    FileActions(const FileActions&) = delete;
    FileActions& operator=(const FileActions&) = delete;
    ~FileActions() { ::posix_spawn_file_actions_destroy(&actions); }
};

struct Attributes {
    posix_spawnattr_t attributes{};
    Attributes() {
        ::posix_spawnattr_init(&attributes);
        sigset_t none, defaults;
        sigemptyset(&none);
        sigemptyset(&defaults);
        for (const int signal : {SIGPIPE, SIGXFSZ, SIGHUP, SIGTERM, SIGINT})
            sigaddset(&defaults, signal);
        ::posix_spawnattr_setsigmask(&attributes, &none);
        ::posix_spawnattr_setsigdefault(&attributes, &defaults);
        // A session of its own: Ctrl-C on the daemon's terminal is the daemon's alone, which drains first.
        ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    }
    Attributes(const Attributes&) = delete;
    Attributes& operator=(const Attributes&) = delete;
    ~Attributes() { ::posix_spawnattr_destroy(&attributes); }
};

}  // namespace

Result<std::string> broker_program() {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    const auto directory = self.parent_path();
    for (const auto& place : {directory / "capsule-broker", directory / "../libexec/capsule-broker",
                              directory / "../libexec/capsule/capsule-broker"}) {
        const auto program = std::filesystem::canonical(place, error);
        if (error || ::access(program.c_str(), X_OK) != 0) continue;
        // Root runs it until it has become its own user.
        if (::geteuid() == 0)
            if (const auto untrusted = untrusted_component(program))
                return Error{ErrorCode::io_error,
                             program.string() + " is not started: " + untrusted->component + " " + untrusted->why,
                             untrusted->cure()};
        return program.string();
    }
    return Error{ErrorCode::io_error, "there is no capsule-broker beside capsuled (" + directory.string() + ")",
                 "install the whole package, or set [session] keys = \"env\""};
}

Result<LoopbackSocket> listen_on_loopback(std::uint16_t port, bool& taken) {
    taken = false;
    const std::string what = "listen on 127.0.0.1:" + std::to_string(port);
    const std::string hint = "name another port in [broker] listen, or end the program that has it";
    LoopbackSocket out;
    out.descriptor = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!out.descriptor) return failed_to(what, errno, hint);
    const int yes = 1;
    ::setsockopt(out.descriptor.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    constexpr int backlog = 1024;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    if (::bind(out.descriptor.get(), generic, size) != 0 || ::listen(out.descriptor.get(), backlog) != 0 ||
        ::getsockname(out.descriptor.get(), generic, &size) != 0) {
        taken = errno == EADDRINUSE;
        return failed_to(what, errno, hint);
    }
    out.port = ntohs(address.sin_port);
    return out;
}

Result<RunningBroker> start_broker(const std::string& program, int listener,
                                   const std::optional<BrokerIdentity>& identity) {
    const std::string what = "start " + program;
    const std::string hint = "see whether the file can be executed, and the limits on processes and open files";
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) return failed_to(what, errno, hint);
    UniqueFd ours(pair[0]);
    const UniqueFd theirs(pair[1]);
    const UniqueFd high_listener(::fcntl(listener, F_DUPFD_CLOEXEC, above));
    const UniqueFd high_control(::fcntl(theirs.get(), F_DUPFD_CLOEXEC, above));
    if (!high_listener || !high_control) return failed_to(what, errno, hint);

    FileActions files;
    ::posix_spawn_file_actions_addopen(&files.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files.actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&files.actions, high_listener.get(), broker_listener);
    ::posix_spawn_file_actions_adddup2(&files.actions, high_control.get(), broker_control);
    ::posix_spawn_file_actions_addclosefrom_np(&files.actions, first_other);
    Attributes attributes;

    std::vector<std::string> arguments{program};
    if (identity)
        for (const std::string& word :
             {std::string("--uid"), std::to_string(identity->uid), std::string("--gid"), std::to_string(identity->gid)})
            arguments.push_back(word);
    std::vector<char*> argv;
    for (std::string& argument : arguments)
        argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::array<char*, 1> environment{nullptr};

    RunningBroker out;
    const int error = ::posix_spawn(&out.pid, program.c_str(), &files.actions, &attributes.attributes, argv.data(),
                                    environment.data());
    if (error != 0) return failed_to(what, error, hint);
    out.control = std::move(ours);
    return out;
}

}  // namespace capsule
