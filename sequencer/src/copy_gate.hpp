#pragma once
#include <capstan/engine/runtime/executor.hpp>
#include <functional>
#include <mutex>
#include <utility>

namespace capstan {

/// Lets the threads of a shared log ask the disk thread to read, from when it is opened until it is
/// closed.
class CopyGate {
  public:
    CopyGate(Executor& disk, std::function<void()> copy) : disk_(disk), copy_(std::move(copy)) {}

    void ask() {
        std::lock_guard const lock(mutex_);
        if (is_open_) {
            disk_.post(copy_);
        }
    }
    void open() {
        std::lock_guard const lock(mutex_);
        is_open_ = true;
    }
    void close() {
        std::lock_guard const lock(mutex_);
        is_open_ = false;
    }

  private:
    std::mutex mutex_;
    bool is_open_ = false;
    Executor& disk_;
    std::function<void()> copy_;
};

}  // namespace capstan
