#include "daemon/sessions/remote_places.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <list>
#include <map>
#include <utility>

namespace capsule {
namespace asio = boost::asio;

/// Shared with the connections that are out: each tells when it goes.
struct RemotePlaces::State : std::enable_shared_from_this<State> {
    explicit State(asio::any_io_executor io) : executor(std::move(io)) {}

    struct Waiting {
        asio::steady_timer timer;
        std::shared_ptr<RemoteLink> link{};
    };
    struct User {
        std::uint32_t uid;
        std::deque<std::shared_ptr<Waiting>> requests{};
    };

    std::shared_ptr<RemoteLink> link_of(std::uint32_t asker) {
        const auto given_back = [weak = weak_from_this(), asker](RemoteLink* link) {
            delete link;
            const auto state = weak.lock();
            if (!state) return;
            state->at_work.erase(asker);
            state->give();
        };
        std::shared_ptr<RemoteLink> link(new RemoteLink(executor), given_back);
        at_work.emplace(asker, link.get());
        link->start(path);
        return link;
    }

    /// What is free, to those whose turn it is.
    void give() {
        for (auto user = users.begin(); user != users.end() && at_work.size() < most && !stopped;) {
            const auto next = std::next(user);
            if (!at_work.contains(user->uid)) {
                const auto waiting = std::move(user->requests.front());
                user->requests.pop_front();
                waiting->link = link_of(user->uid);
                waiting->timer.cancel();
                if (user->requests.empty())
                    users.erase(user);
                else
                    users.splice(users.end(), users, user);
            }
            user = next;
        }
    }

    void wait(std::uint32_t asker, std::shared_ptr<Waiting> waiting) {
        const auto known = std::ranges::find(users, asker, &User::uid);
        User& user = known == users.end() ? users.emplace_back(User{asker}) : *known;
        user.requests.push_back(std::move(waiting));
    }

    void give_up(std::uint32_t asker, const std::shared_ptr<Waiting>& waiting) {
        const auto user = std::ranges::find(users, asker, &User::uid);
        if (user == users.end()) return;
        std::erase(user->requests, waiting);
        if (user->requests.empty()) users.erase(user);
    }

    asio::any_io_executor executor;
    std::string path;
    std::map<std::uint32_t, RemoteLink*> at_work;  ///< the connections that are out, by whose they are
    std::list<User> users;                         ///< who waits, in the order of their turns; each has a request
    bool stopped = false;
};

RemotePlaces::RemotePlaces(asio::any_io_executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

RemotePlaces::~RemotePlaces() {
    stop();
}

void RemotePlaces::open(std::string path) {
    state_->path = std::move(path);
}

asio::awaitable<Result<std::shared_ptr<RemoteLink>>> RemotePlaces::take(std::uint32_t asker,
                                                                        std::chrono::milliseconds patience) {
    const auto state = state_;
    const auto waiting = std::make_shared<State::Waiting>(asio::steady_timer(state->executor, patience));
    state->wait(asker, waiting);
    state->give();
    if (!waiting->link && !state->stopped) {
        boost::system::error_code ignored;
        co_await waiting->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    if (waiting->link) co_return std::move(waiting->link);
    state->give_up(asker, waiting);
    co_return Error{ErrorCode::io_error, "other questions to the capsuled that has the keys take their time",
                    "ask again"};
}

void RemotePlaces::stop() {
    state_->stopped = true;
    for (const auto& user : state_->users)
        for (const auto& waiting : user.requests)
            waiting->timer.cancel();
    for (const auto& [asker, link] : state_->at_work)
        link->stop();
}

}  // namespace capsule
