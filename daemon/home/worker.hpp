// The thread on which everything in the session user's home is read and written, with that user's identity.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <type_traits>
#include <utility>

#include "daemon/process/stack_wiper.hpp"
#include "protocol/messages.hpp"

namespace capsule {

class HomeWorker {
  public:
    /// With `same_user` nothing is changed. Throws Failure when the thread cannot take the identity: then nothing in
    /// that home may be touched.
    HomeWorker(const SessionUser& user, bool same_user);
    ~HomeWorker();
    HomeWorker(const HomeWorker&) = delete;
    HomeWorker& operator=(const HomeWorker&) = delete;

    /// Calls `job` on the thread and resumes the caller with what it gives. Jobs run one after the other.
    template <class Job>
    boost::asio::awaitable<std::invoke_result_t<Job>> run(Job job) {
        co_return co_await boost::asio::co_spawn(thread_, call(std::move(job)), boost::asio::use_awaitable);
    }

  private:
    template <class Job>
    static boost::asio::awaitable<std::invoke_result_t<Job>> call(Job job) {
        // Whatever way the job ends, its stack held what it read and wrote.
        struct Wipe {
            ~Wipe() { wipe_stack(); }
        } wipe;
        co_return job();
    }

    boost::asio::thread_pool thread_{1};
};

}  // namespace capsule
