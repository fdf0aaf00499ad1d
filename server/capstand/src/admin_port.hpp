#pragma once
#include <boost/asio/io_context.hpp>
#include <capstan/engine/asio/asio_executor.hpp>
#include <capstan/server/metrics/metrics.hpp>
#include <capstan/server/net/listener.hpp>
#include <memory>
#include <thread>

#include "admin_pages.hpp"

namespace capstan {

/// The admin port, on a thread of its own: it answers while the journal is still being read, and
/// however busy the strand of the sessions is.
class AdminPort {
  public:
    /// Listens and answers from now on, with phase `starting`. What is passed in outlives it.
    /// Errors: `port_taken`, `config_invalid`.
    static Result<std::unique_ptr<AdminPort>> open(ListenerOptions const& options,
                                                   Metrics& metrics,
                                                   Clock& clock);
    ~AdminPort() { close(); }

    std::uint16_t port() const { return listener_->port(); }
    AdminPages& pages() { return pages_; }
    /// Where it answers.
    Executor& strand() { return strand_; }
    /// Answers nothing any more. Idempotent.
    void close();

  private:
    AdminPort(Metrics& metrics, Clock& clock)
        : metrics_(metrics), clock_(clock), pages_(metrics, clock) {}
    void tick();

    Metrics& metrics_;
    Clock& clock_;
    AdminPages pages_;
    boost::asio::io_context context_{1};
    AsioExecutor strand_{context_};
    std::unique_ptr<Listener> listener_;
    std::unique_ptr<Timer> tick_;
    std::thread thread_;
};

}  // namespace capstan
