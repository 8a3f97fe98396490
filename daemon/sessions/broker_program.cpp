#include "daemon/sessions/broker_program.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <initializer_list>
#include <system_error>
#include <tuple>
#include <vector>

#include "protocol/trusted_path.hpp"

namespace capsule {
namespace {

Error failed_to(const std::string& what, int error, std::string hint) {
    return {ErrorCode::io_error, "cannot " + what + ": " + std::generic_category().message(error), std::move(hint)};
}

/// Descriptors that stand above those that the child gets, so that no dup2 there closes another one first.
constexpr int above = 10;
constexpr int its_socket = 3, its_control = 4, its_authorities = 5;

struct FileActions {
    posix_spawn_file_actions_t actions{};
    int first_closed = its_control + 1;
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

/// Whoever connects waits until all that are queued before have been accepted: net.core.somaxconn bounds it, too.
constexpr int backlog = SOMAXCONN;

Error cannot_listen(std::uint16_t port, int error) {
    return failed_to("listen on 127.0.0.1:" + std::to_string(port), error,
                     "name another port in [broker] listen, or end the program that has it");
}

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

UniqueFd new_socket() {
    return UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

void set_option(int socket, int option) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, option, &yes, sizeof yes);
}

/// The kernel lets the sockets of one user share a port, and a socket is of whoever makes it: root makes some that it
/// hands to another user's programs (systemd, inetd), which can bind them to any port. Of the broker's user there is
/// none.
UniqueFd new_socket_of(const std::optional<uid_t>& maker) {
    if (!maker) return new_socket();
    const int own = ::setfsuid(*maker);  // of this thread alone
    UniqueFd out = new_socket();
    const int error = errno;
    ::setfsuid(static_cast<uid_t>(own));
    struct stat made {};
    if (out && (::fstat(out.get(), &made) != 0 || made.st_uid != *maker)) {
        errno = EPERM;
        return UniqueFd();
    }
    errno = error;
    return out;
}

Result<LoopbackSocket> bind_to_loopback(std::uint16_t port, const std::optional<uid_t>& maker,
                                        std::initializer_list<int> options) {
    LoopbackSocket out;
    sockaddr_in address = loopback(port);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    out.descriptor = new_socket_of(maker);
    if (!out.descriptor) return cannot_listen(port, errno);
    for (const int option : options)
        set_option(out.descriptor.get(), option);
    if (::bind(out.descriptor.get(), generic, size) != 0 || ::getsockname(out.descriptor.get(), generic, &size) != 0)
        return cannot_listen(port, errno);
    out.port = ntohs(address.sin_port);
    return out;
}

/// The kernel refuses on the loopback at once; a full queue of a socket that listens is not waited for.
bool somebody_listens(std::uint16_t port) {
    const UniqueFd socket = new_socket();
    const sockaddr_in address = loopback(port);
    // From any other address of the loopback: another user may have all ports of the usual one that lead there.
    std::uint32_t other = 0;
    std::ignore = ::getrandom(&other, sizeof other, GRND_NONBLOCK);
    sockaddr_in from = loopback(0);
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + other % 0xFF'0000);
    ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
    constexpr int refused_within_ms = 100;
    pollfd wanted{socket.get(), POLLOUT, 0};
    int error = errno;
    socklen_t size = sizeof error;
    if (error == EINPROGRESS && ::poll(&wanted, 1, refused_within_ms) == 1)
        ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    return error != ECONNREFUSED;
}

/// The daemon's own descriptor of its terminal is open to read, too: the broker's user is not to have what root types
/// there. Opened anew it shows the broker's messages, and nothing else.
int terminal_to_write_to() {
    const UniqueFd anew(::open("/proc/self/fd/2", O_WRONLY | O_NOCTTY | O_CLOEXEC));
    const UniqueFd nothing(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    return ::fcntl(anew ? anew.get() : nothing.get(), F_DUPFD_CLOEXEC, above);
}

/// A file without a name, for the child to read.
Result<UniqueFd> memory_file(const std::string& text) {
    constexpr unsigned no_program = 0x0008;  // MFD_NOEXEC_SEAL, which kernels before 6.3 do not know
    UniqueFd file(::memfd_create("authorities", MFD_CLOEXEC | no_program));
    if (!file && errno == EINVAL) file = UniqueFd(::memfd_create("authorities", MFD_CLOEXEC));
    std::size_t written = 0;
    bool done = static_cast<bool>(file);
    while (done && written < text.size()) {
        const ssize_t size = ::write(file.get(), text.data() + written, text.size() - written);
        done = size > 0 || (size < 0 && errno == EINTR);
        if (size > 0) written += static_cast<std::size_t>(size);
    }
    UniqueFd high(done ? ::fcntl(file.get(), F_DUPFD_CLOEXEC, above) : -1);
    if (!high) return failed_to("hand [broker] ca_file over", errno, "see whether memory and descriptors are left");
    return high;
}

Result<RunningBroker> start(const std::string& program, std::vector<std::string> arguments, int socket,
                            const std::optional<BrokerIdentity>& identity, FileActions& files) {
    const std::string what = "start " + program;
    const std::string hint = "see whether the file can be executed, and the limits on processes and open files";
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) return failed_to(what, errno, hint);
    UniqueFd ours(pair[0]);
    const UniqueFd theirs(pair[1]);
    const UniqueFd high_socket(::fcntl(socket, F_DUPFD_CLOEXEC, above));
    const UniqueFd high_control(::fcntl(theirs.get(), F_DUPFD_CLOEXEC, above));
    if (!high_socket || !high_control) return failed_to(what, errno, hint);

    ::posix_spawn_file_actions_addopen(&files.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files.actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&files.actions, high_socket.get(), its_socket);
    ::posix_spawn_file_actions_adddup2(&files.actions, high_control.get(), its_control);
    ::posix_spawn_file_actions_addclosefrom_np(&files.actions, files.first_closed);
    Attributes attributes;

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

Result<LoopbackSocket> listen_on_loopback(std::uint16_t port, bool kept, const std::optional<uid_t>& maker) {
    auto out = kept ? bind_to_loopback(port, maker, {SO_REUSEADDR, SO_REUSEPORT})
                    : bind_to_loopback(port, maker, {SO_REUSEADDR});
    if (!out) return out;
    // The kernel would share the connections out between two listeners of one user.
    if (kept && port != 0 && somebody_listens(port)) return cannot_listen(port, EADDRINUSE);
    if (::listen(out->descriptor.get(), backlog) != 0) return cannot_listen(port, errno);
    return out;
}

Result<LoopbackSocket> hold_port(std::uint16_t port, const std::optional<uid_t>& maker) {
    // Without SO_REUSEADDR: with it on both, another user's socket could have the port as well.
    return bind_to_loopback(port, maker, {SO_REUSEPORT});
}

Result<RunningBroker> start_broker(const std::string& program, int listener, const std::string* authorities,
                                   const std::optional<BrokerIdentity>& identity) {
    FileActions files;
    std::vector<std::string> arguments{program};
    Result<UniqueFd> file = authorities ? memory_file(*authorities) : Result<UniqueFd>(UniqueFd());
    if (!file) return file.error();
    if (*file) {
        ::posix_spawn_file_actions_adddup2(&files.actions, file->get(), its_authorities);
        files.first_closed = its_authorities + 1;
        arguments.insert(arguments.end(), {"--authorities", std::to_string(its_authorities)});
    }
    const UniqueFd messages(identity && ::isatty(STDERR_FILENO) != 0 ? terminal_to_write_to() : -1);
    if (messages) ::posix_spawn_file_actions_adddup2(&files.actions, messages.get(), STDERR_FILENO);
    return start(program, std::move(arguments), listener, identity, files);
}

Result<RunningBroker> start_authorities_check(const std::string& program, const std::string& authorities,
                                              const std::optional<BrokerIdentity>& identity) {
    FileActions files;
    auto file = memory_file(authorities);
    if (!file) return file.error();
    ::posix_spawn_file_actions_addopen(&files.actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    return start(program, {program, "--check-authorities"}, file->get(), identity, files);
}

Result<RunningBroker> start_port_holder(const std::string& program, int held,
                                        const std::optional<BrokerIdentity>& identity) {
    FileActions files;
    // Whoever waits for the end of the daemon's log is not to wait for this.
    ::posix_spawn_file_actions_addopen(&files.actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    return start(program, {"capsule-port-holder", "--hold-port"}, held, identity, files);
}

}  // namespace capsule
