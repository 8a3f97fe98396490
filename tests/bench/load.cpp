// bench_load: a closed-loop load generator for a Unix socket; prints what it saw as JSON.
//
//   bench_load --socket S --request TEXT [--request TEXT …] [--connections N] [--depth D] [--seconds T | --requests N]
//              [--warm-up T] [--reply-bytes N] [--first-id N] [--expect TEXT …] [--pid P]
//
// Each connection sends `depth` requests at once, waits for all their replies, and sends the next ones. One thread, and
// as little work as can be, so that the server is what is measured: requests are copied from templates, replies are not
// parsed. With --expect, one in 64 is looked at: it must carry the id of its request and each TEXT.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <system_error>

#include "tests/bench/latencies.hpp"
#include "tests/bench/options.hpp"
#include "tests/bench/requests.hpp"

namespace capsule::bench {
namespace {

constexpr std::uint64_t check_every = 64;

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

std::uint64_t now_ns(clockid_t clock = CLOCK_MONOTONIC) {
    timespec time{};
    if (::clock_gettime(clock, &time) != 0) fail("clock_gettime");
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(time.tv_nsec);
}

/// CPU time of all threads of a process, in nanoseconds.
std::uint64_t cpu_ns(pid_t pid) {
    clockid_t clock{};
    if (pid == 0) return 0;
    if (const int error = ::clock_getcpuclockid(pid, &clock); error != 0) errno = error, fail("clock_getcpuclockid");
    return now_ns(clock);
}

int connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw std::invalid_argument("the socket's path is too long");
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail("connect");
    return fd;
}

struct Connection {
    int fd = -1;
    std::size_t outstanding = 0;
    std::size_t seen = 0;       ///< bytes of the reply that is being received
    std::uint64_t next_id = 0;  ///< of that reply's request
    std::uint64_t sent_ns = 0;  ///< when the outstanding requests were sent
    std::string checked;        ///< that reply so far, if it is one to check
};

struct Seen {
    std::uint64_t requests = 0, wall_ns = 0, server_cpu_ns = 0, own_cpu_ns = 0;
};

class Load {
  public:
    explicit Load(const Options& options)
        : requests_(options.all("request"), static_cast<std::uint64_t>(options.number("first-id", 1))),
          ends_(static_cast<std::size_t>(options.number("reply-bytes", 0))),
          depth_(static_cast<std::size_t>(options.number("depth", 1))),
          expected_(options.all("expect")),
          server_(static_cast<pid_t>(options.number("pid", 0))),
          epoll_(::epoll_create1(EPOLL_CLOEXEC)),
          connections_(static_cast<std::size_t>(options.number("connections", 1))) {
        for (Connection& connection : connections_) {
            connection.fd = connect_to(options.text("socket"));
            epoll_event event{EPOLLIN, {.ptr = &connection}};
            if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event) != 0) fail("epoll_ctl");
        }
    }

    /// Until so much time is over or so many requests are answered. Its replies count from its own first request on.
    Seen run(double seconds, std::uint64_t at_most) {
        latencies_ = {};
        stopping_ = false;
        const std::uint64_t began = now_ns(), server_began = cpu_ns(server_),
                            own_began = now_ns(CLOCK_THREAD_CPUTIME_ID);
        const std::uint64_t until = began + static_cast<std::uint64_t>(seconds * 1e9);
        for (Connection& connection : connections_)
            send_batch(connection, now_ns());
        while (!stopping_) {
            const std::uint64_t now = answer_ready_ones();
            stopping_ = now >= until || latencies_.total() >= at_most;
        }
        const Seen seen{latencies_.total(), now_ns() - began, cpu_ns(server_) - server_began,
                        now_ns(CLOCK_THREAD_CPUTIME_ID) - own_began};
        const Latencies measured = latencies_;
        while (outstanding_ > 0)
            answer_ready_ones();
        latencies_ = measured;
        return seen;
    }

    const Latencies& latencies() const { return latencies_; }

  private:
    void send_batch(Connection& connection, std::uint64_t now) {
        batch_.clear();
        connection.next_id = requests_.append_next(batch_);
        for (std::size_t i = 1; i < depth_; ++i)
            requests_.append_next(batch_);
        connection.outstanding = depth_;
        outstanding_ += depth_;
        connection.sent_ns = now;
        // All earlier replies are here, so the server has read all, and the socket's buffer has room.
        if (::send(connection.fd, batch_.data(), batch_.size(), MSG_DONTWAIT | MSG_NOSIGNAL) !=
            static_cast<ssize_t>(batch_.size()))
            fail("send");
    }

    std::uint64_t answer_ready_ones() {
        std::array<epoll_event, 256> events;
        const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 10'000);
        if (ready == 0) throw std::runtime_error("no reply for 10 s");
        if (ready < 0 && errno != EINTR) fail("epoll_wait");
        std::uint64_t now = now_ns();
        for (int i = 0; i < ready; ++i) {
            Connection& connection = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
            const ssize_t count = ::recv(connection.fd, buffer_.get(), buffer_bytes, MSG_DONTWAIT);
            if (count <= 0) fail(count == 0 ? "the server closed a connection" : "recv");
            now = now_ns();
            take(connection, {buffer_.get(), static_cast<std::size_t>(count)}, now);
            if (connection.outstanding == 0 && !stopping_) send_batch(connection, now);
        }
        return now;
    }

    void take(Connection& connection, std::string_view data, std::uint64_t now) {
        std::uint64_t replies = 0;
        while (!data.empty()) {
            const bool check = !expected_.empty() && connection.next_id % check_every == 0;
            const auto end = ends_.find(data, connection.seen);
            if (check) connection.checked += data.substr(0, end.value_or(data.size()));
            if (!end) {
                connection.seen += data.size();
                break;
            }
            if (check) {
                check_reply(connection.checked, connection.next_id, expected_);
                connection.checked.clear();
            }
            data.remove_prefix(*end);
            connection.seen = 0;
            ++connection.next_id;
            ++replies;
        }
        if (replies > connection.outstanding) throw std::runtime_error("more replies than requests");
        connection.outstanding -= replies;
        outstanding_ -= replies;
        latencies_.record(now - connection.sent_ns, replies);
    }

    static constexpr std::size_t buffer_bytes = std::size_t{256} * 1024;

    Requests requests_;
    ReplyEnds ends_;
    std::size_t depth_;
    std::vector<std::string> expected_;
    pid_t server_;
    int epoll_;
    std::vector<Connection> connections_;
    std::unique_ptr<char[]> buffer_ = std::make_unique<char[]>(buffer_bytes);
    std::string batch_;
    Latencies latencies_;
    std::size_t outstanding_ = 0;
    bool stopping_ = false;
};

void print(const Seen& seen, const Latencies& latencies) {
    const auto count = static_cast<double>(seen.requests);
    std::printf(
        "{\"requests\":%.0f,\"seconds\":%.6f,\"rate\":%.1f,\"p50_us\":%.3f,\"p99_us\":%.3f,\"p999_us\":%.3f,"
        "\"server_cpu_us\":%.3f,\"generator_cpu_us\":%.3f}\n",
        count, static_cast<double>(seen.wall_ns) / 1e9, count * 1e9 / static_cast<double>(seen.wall_ns),
        latencies.percentile(0.5) / 1e3, latencies.percentile(0.99) / 1e3, latencies.percentile(0.999) / 1e3,
        static_cast<double>(seen.server_cpu_ns) / 1e3 / count, static_cast<double>(seen.own_cpu_ns) / 1e3 / count);
}

}  // namespace
}  // namespace capsule::bench

int main(int argc, char** argv) {
    try {
        const capsule::bench::Options options(argc, argv);
        capsule::bench::Load load(options);
        constexpr double forever = 1e6, any_number = 1e15;
        if (const double warm_up = options.number("warm-up", 0.2); warm_up > 0)
            load.run(warm_up, static_cast<std::uint64_t>(any_number));
        const auto at_most = static_cast<std::uint64_t>(options.number("requests", any_number));
        const auto seen = load.run(options.number("seconds", forever), at_most);
        capsule::bench::print(seen, load.latencies());
        return 0;
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "bench_load: %s\n", failure.what());
        return 1;
    }
}
