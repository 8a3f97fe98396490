#include "daemon/broker/names.hpp"

#include <arpa/inet.h>
#include <netdb.h>

#include <array>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace capsule::broker {
namespace {

/// Does one thing after the other. It is never joined: a lookup cannot be stopped, and nobody waits for it at the end.
class Worker {
  public:
    void add(std::function<void()> job) {
        const std::lock_guard<std::mutex> guard(state_->lock);
        state_->jobs.push_back(std::move(job));
        if (!begun_) std::thread(work, state_).detach();
        begun_ = true;
        state_->more.notify_one();
    }

  private:
    struct State {
        std::mutex lock;
        std::condition_variable more;
        std::deque<std::function<void()>> jobs;
    };

    static void work(std::shared_ptr<State> state) {
        for (;;) {
            std::unique_lock<std::mutex> guard(state->lock);
            state->more.wait(guard, [&] { return !state->jobs.empty(); });
            const auto job = std::move(state->jobs.front());
            state->jobs.pop_front();
            guard.unlock();
            job();
        }
    }

    std::shared_ptr<State> state_ = std::make_shared<State>();
    bool begun_ = false;
};

struct Answer {
    int error = 0;
    std::vector<Address> found;
};

Answer ask_libc(const std::string& host, const std::string& port, int flags) {
    addrinfo wanted{};
    wanted.ai_family = AF_UNSPEC;
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = flags;
    addrinfo* list = nullptr;
    Answer out;
    out.error = ::getaddrinfo(host.c_str(), port.c_str(), &wanted, &list);
    if (out.error != 0) return out;
    for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
        if (each->ai_family != AF_INET && each->ai_family != AF_INET6) continue;
        Address& one = out.found.emplace_back();
        std::memcpy(&one.v6, each->ai_addr, each->ai_addrlen);
        one.size = each->ai_addrlen;
    }
    ::freeaddrinfo(list);
    return out;
}

}  // namespace

std::string Address::text() const {
    std::array<char, INET6_ADDRSTRLEN> out{};
    const void* const bytes = any.sa_family == AF_INET ? static_cast<const void*>(&v4.sin_addr) : &v6.sin6_addr;
    ::inet_ntop(any.sa_family, bytes, out.data(), out.size());
    return out.data();
}

Task<void> look_up(std::shared_ptr<Lookup> lookup, Loop& loop, std::string host, std::string port) {
    Answer known = ask_libc(host, port, AI_NUMERICHOST);
    if (known.error == 0) {
        lookup->found = std::move(known.found);
        co_return;
    }
    static Worker worker;
    worker.add([host, port, lookup, mailbox = loop.mailbox()]() mutable {
        auto answer = std::make_shared<Answer>(ask_libc(host, port, 0));
        // `lookup` belongs to the loop's thread alone, its end, too.
        mailbox->post([lookup = std::move(lookup), answer] {
            lookup->error = answer->error;
            lookup->found = std::move(answer->found);
            lookup->done.fire();
        });
    });
    co_await lookup->done.wait();
}

}  // namespace capsule::broker
