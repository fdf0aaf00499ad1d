#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

namespace capstan {

/// Runs a task again and again on a thread of its own, first after one interval, until it is
/// destroyed; then waits for a task that is running.
class Every {
  public:
    Every(Duration interval, std::function<void()> task)
        : thread_([this, interval, task = std::move(task)](std::stop_token const& stop) {
              std::unique_lock lock(mutex_);
              while (
                  !stopped_.wait_for(lock, stop, interval, [&] { return stop.stop_requested(); })) {
                  task();
              }
          }) {}

  private:
    std::mutex mutex_;
    std::condition_variable_any stopped_;
    std::jthread thread_;
};

}  // namespace capstan
