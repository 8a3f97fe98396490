#include "daemon/broker/names.hpp"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <system_error>
#include <thread>

namespace capsule::broker {
namespace {

Addresses ask_libc(const std::string& host, const std::string& port, int flags) {
    addrinfo wanted{};
    wanted.ai_family = AF_UNSPEC;
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = flags;
    addrinfo* list = nullptr;
    Addresses out;
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

Task<void> Names::look_up(std::shared_ptr<Lookup> lookup, std::string host, std::string port) {
    lookup->answer = ask_libc(host, port, AI_NUMERICHOST);
    if (lookup->answer.error == 0) co_return;
    lookup->answer = {};
    const Name name(host, port);
    std::erase_if(known_, [&](const auto& each) { return each.second.until <= loop_.now(); });
    if (const auto found = known_.find(name); found != known_.end()) {
        lookup->answer = found->second.answer;
        co_return;
    }
    wanted(name).who.push_back(lookup);
    ask_next();
    co_await lookup->done.wait();
}

Names::Wanted& Names::wanted(const Name& name) {
    for (Wanted& each : wanted_) {
        if (each.name != name) continue;
        std::erase_if(each.who, [](const auto& one) { return one.expired(); });
        return each;
    }
    return wanted_.emplace_back(Wanted{name, {}});
}

void Names::ask_next() {
    const auto of_nobody = [](const Wanted& each) {
        return !each.is_asked && std::ranges::all_of(each.who, [](const auto& one) { return one.expired(); });
    };
    std::erase_if(wanted_, of_nobody);
    auto asked = static_cast<std::size_t>(std::ranges::count(wanted_, true, &Wanted::is_asked));
    for (Wanted& each : wanted_) {
        if (asked >= most_threads) return;
        // A host whose name servers are silent takes one thread, whatever the port.
        const auto same = [&](const Wanted& other) { return other.is_asked && other.name.first == each.name.first; };
        if (std::ranges::any_of(wanted_, same)) continue;
        each.is_asked = true;
        ++asked;
        ask(each.name);
    }
}

/// The thread is never joined: a lookup cannot be stopped, and nobody waits for it at the end.
void Names::ask(const Name& name) {
    const auto tell = [name, mailbox = loop_.mailbox(), self = weak_from_this()](Addresses answer) {
        mailbox->post([name, self, answer = std::move(answer)] {
            if (const auto names = self.lock()) names->answered(name, answer);
        });
    };
    try {
        std::thread([name, tell] { tell(ask_libc(name.first, name.second, 0)); }).detach();
    } catch (const std::system_error&) {  // there is no thread left
        tell({EAI_AGAIN, {}});
    }
}

void Names::answered(const Name& name, Addresses answer) {
    const auto found = std::ranges::find(wanted_, name, &Wanted::name);
    for (const auto& one : found->who)
        if (const auto lookup = one.lock()) {
            lookup->answer = answer;
            lookup->done.fire();
        }
    wanted_.erase(found);
    const auto until = loop_.now() + (answer.error == 0 ? keep : keep_failure);
    known_.insert_or_assign(name, Known{std::move(answer), until});
    ask_next();
}

}  // namespace capsule::broker
