#include <pthread.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <capstan/engine/asio/asio_executor.hpp>
#include <thread>

namespace capstan {
namespace {

class AsioTimer final : public Timer {
  public:
    AsioTimer(boost::asio::io_context& context, Duration delay, Task task)
        : pending_(std::make_shared<Pending>(context, std::move(task))) {
        pending_->timer.expires_after(delay);
        pending_->timer.async_wait([weak = std::weak_ptr(pending_)](auto const& error) {
            auto const pending = weak.lock();
            if (!error && pending && pending->task) {
                pending->task();
            }
        });
    }
    ~AsioTimer() override { pending_->timer.cancel(); }

  private:
    struct Pending {
        Pending(boost::asio::io_context& context, Task from)
            : timer(context), task(std::move(from)) {}
        boost::asio::steady_timer timer;
        Task task;
    };
    std::shared_ptr<Pending> pending_;
};

}  // namespace

void AsioExecutor::post(Task task) {
    boost::asio::post(context_, std::move(task));
}

std::unique_ptr<Timer> AsioExecutor::after(Duration delay, Task task) {
    return std::make_unique<AsioTimer>(context_, delay, std::move(task));
}

struct AsioThread::Parts {
    boost::asio::io_context context{1};
    AsioExecutor executor{context};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
        context.get_executor()};
    std::thread thread{[this] { context.run(); }};
};

AsioThread::AsioThread(std::string const& name) : parts_(std::make_unique<Parts>()) {
    pthread_setname_np(parts_->thread.native_handle(), name.c_str());
}

AsioThread::~AsioThread() {
    // What was posted runs first; a timer that is still pending would keep the context alive.
    boost::asio::post(parts_->context, [this] {
        boost::asio::post(parts_->context, [this] { parts_->context.stop(); });
    });
    parts_->work.reset();
    parts_->thread.join();
}

void AsioThread::post(Task task) {
    parts_->executor.post(std::move(task));
}

std::unique_ptr<Timer> AsioThread::after(Duration delay, Task task) {
    return parts_->executor.after(delay, std::move(task));
}

}  // namespace capstan
