#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

namespace capstan {

/// A piece of work that runs once. Moves, and so may own what it works on.
class Task {
  public:
    Task() = default;
    template <std::invocable Function>
    requires(!std::same_as<std::remove_cvref_t<Function>, Task>)
        Task(Function&& function)  // NOLINT: converts from any lambda, as std::function does
        : work_(
              std::make_unique<WorkOf<std::decay_t<Function>>>(std::forward<Function>(function))) {}

    explicit operator bool() const { return work_ != nullptr; }
    void operator()() { std::exchange(work_, nullptr)->run(); }

  private:
    struct Work {
        virtual ~Work() = default;
        virtual void run() = 0;
    };
    template <class Function>
    struct WorkOf final : Work {
        explicit WorkOf(Function from) : function(std::move(from)) {}
        void run() override { std::move(function)(); }
        Function function;
    };
    std::unique_ptr<Work> work_;
};

/// A pending `after`. Destroying it cancels: on the executor's own thread the task then never runs.
class Timer {
  public:
    virtual ~Timer() = default;
};

/// Runs tasks one after another, never inside `post`. Twins: an Asio strand in the server,
/// SimExecutor.
class Executor {
  public:
    virtual ~Executor() = default;
    /// Threading: any thread. Tasks posted by one thread run in the order of posting, unless a
    /// simulation reorders.
    virtual void post(Task task) = 0;
    /// Threading: the executor's own thread.
    [[nodiscard]] virtual std::unique_ptr<Timer> after(Duration delay, Task task) = 0;
};

}  // namespace capstan
