#pragma once
#include <capstan/engine/runtime/executor.hpp>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}

namespace capstan {

/// An io_context as Executor. One thread runs it, so that it is a strand. Outlived by the context.
class AsioExecutor final : public Executor {
  public:
    explicit AsioExecutor(boost::asio::io_context& context) : context_(context) {}
    void post(Task task) override;
    [[nodiscard]] std::unique_ptr<Timer> after(Duration delay, Task task) override;

  private:
    boost::asio::io_context& context_;
};

/// A thread of its own that runs tasks in the order of posting and may block, on a disk for
/// instance. Lifetime: destroying it, on another thread, runs what was posted and joins; timers
/// still pending are forgotten.
class AsioThread final : public Executor {
  public:
    /// `name` shows in debuggers; at most 15 bytes.
    explicit AsioThread(std::string const& name);
    ~AsioThread() override;
    AsioThread(AsioThread const&) = delete;
    AsioThread& operator=(AsioThread const&) = delete;

    void post(Task task) override;
    [[nodiscard]] std::unique_ptr<Timer> after(Duration delay, Task task) override;

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace capstan
