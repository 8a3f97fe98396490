// A coroutine of the broker's one thread. It begins when it is awaited, and goes on with who awaits it when it ends.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace capsule::broker {

template <class T>
struct TaskResult {
    std::optional<T> value;
    void return_value(T given) { value.emplace(std::move(given)); }
    T take() { return *std::move(value); }
};

template <>
struct TaskResult<void> {
    void return_void() noexcept {}
    void take() noexcept {}
};

template <class T>
class [[nodiscard]] Task {
  public:
    struct promise_type : TaskResult<T> {
        std::coroutine_handle<> next = std::noop_coroutine();
        std::exception_ptr failure;

        struct ToNext {
            bool await_ready() const noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) const noexcept {
                return self.promise().next;
            }
            void await_resume() const noexcept {}
        };
        Task get_return_object() noexcept { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        ToNext final_suspend() const noexcept { return {}; }
        void unhandled_exception() noexcept { failure = std::current_exception(); }
    };

    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    Task& operator=(Task&&) = delete;
    ~Task() {
        if (handle_) handle_.destroy();
    }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> who) noexcept {
        handle_.promise().next = who;
        return handle_;
    }
    T await_resume() {
        if (handle_.promise().failure) std::rethrow_exception(handle_.promise().failure);
        return handle_.promise().take();
    }

  private:
    explicit Task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}

    std::coroutine_handle<promise_type> handle_;
};

}  // namespace capsule::broker
