#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "author_devices.hpp"

namespace capstan::cli {

/// Publishes events of many authors, each stream's in exactly the order of the calls and each event
/// with all before it as its past.
///
/// A stream's events are its lane. Consecutive ones of one device travel as runs, many of them
/// under way; a change of device waits until what came before is confirmed. Lanes go side by side.
/// Every run is guarded by the head that it follows, so an event of anybody else in between is
/// refused, not mixed in.
/// Threading: one thread, but for `interrupt`.
class OrderedPublisher {
  public:
    class Lane;

    OrderedPublisher(Remote const& remote, AuthorDevices& devices)
        : remote_(remote), devices_(devices) {}

    /// Lifetime: the publisher's.
    Lane& lane(StreamName stream, Seq head);

    /// Takes an event in, and waits while too many bytes are without an answer.
    /// Errors, of all: why an earlier run was refused, which names the stream; `cancelled`
    /// (interrupted); as `Remote::no_answer` when nothing moves for the time-out.
    Result<> add(Lane& lane, DeviceId const& device, Bytes event);
    /// What was added may go, also what more could have joined.
    Result<> flush();
    /// All of it is confirmed.
    Result<> finish();
    /// After an error: what is under way gets its answer, and nothing more is sent.
    void settle();
    void interrupt();

    /// An event of somebody else came in between.
    bool was_overtaken() const { return overtaken_; }
    std::uint64_t confirmed() const { return confirmed_; }
    std::uint64_t confirmed_bytes() const { return confirmed_bytes_; }

  private:
    struct Answer {
        Lane* lane = nullptr;
        DeviceId device;
        std::uint64_t events = 0;
        std::size_t bytes = 0;
        std::optional<Error> error;
    };
    /// Told on the runtime's thread, asked on the command's.
    struct Answers {
        std::mutex mutex;
        std::condition_variable changed;
        std::vector<Answer> waiting;
        bool interrupted = false;
    };
    void pump(Lane& lane);
    void pump_queued();
    void queue(Lane& lane);
    Result<bool> send_run(Lane& lane);
    bool collect(Duration wait_max);
    void take(Answer const& answer);
    Result<> wait_down_to(std::size_t bytes);
    Result<> state() const { return error_ ? Result<>(*error_) : success(); }

    Remote const& remote_;
    AuthorDevices& devices_;
    std::list<Lane> lanes_;
    std::vector<Lane*> touched_;  // since the last flush
    std::deque<Lane*> queued_;    // have something to send, and wait for others to rest
    std::size_t lanes_active_ = 0;
    std::size_t runs_under_way_ = 0;
    std::size_t bytes_ = 0;  // taken in and not answered
    std::uint64_t confirmed_ = 0;
    std::uint64_t confirmed_bytes_ = 0;
    std::optional<Error> error_;
    bool overtaken_ = false;
    std::shared_ptr<Answers> answers_ = std::make_shared<Answers>();
};

class OrderedPublisher::Lane {
  public:
    Lane(StreamName stream, Seq head) : stream_(std::move(stream)), next_(head.next()) {}

  private:
    friend class OrderedPublisher;
    struct Waiting {
        DeviceId device;
        Bytes event;
    };
    StreamName stream_;
    Seq next_;  // where the next run's first event will stand
    std::deque<Waiting> waiting_;
    DeviceId device_;  // of the runs under way
    std::size_t under_way_ = 0;
    bool touched_ = false;
    bool queued_ = false;
};

}  // namespace capstan::cli
