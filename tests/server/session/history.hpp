// Devices that publish and devices that read, through sessions that are slow, starved of credit
// and cut: what each reader gets is checked as it comes.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "session_bed.hpp"

namespace capstan::test {

/// An honest device of one stream: it repeats a run until it has a verdict, and goes on from the
/// device's last event. At most `pipelined` runs are under way.
class PublishingDevice {
  public:
    PublishingDevice(SessionBed& bed, std::string stream, std::string name);

    void connect();
    void cut() { peer_.reset(); }
    bool connected() const { return peer_ != nullptr && peer_->open(); }
    void publish(std::size_t events);
    /// Sends everything without a verdict again.
    void repeat();
    bool done() const { return runs_.empty(); }
    void take() {
        if (connected()) {
            peer_->take();
        }
    }
    /// How many of its events were accepted.
    std::uint64_t accepted() const { return accepted_.value; }

  private:
    struct Run {
        Bytes bytes;
        Counter last;
    };
    void send(Run const& run);
    void hear(ByteView payload);
    void on_result(fb::RunResult const& result);

    SessionBed& bed_;
    std::string stream_;
    std::string name_;
    std::unique_ptr<SessionBed::Peer> peer_;
    Attempt attempt_ = Attempt::of(1, 1);
    Counter frozen_;    // the last event given a counter
    Counter accepted_;  // the last event that the fold has
    std::deque<Run> runs_;
};

/// Reads streams, each event once and in order; the chain hash of every message must follow from
/// what it holds. Throws std::logic_error with a story when something is wrong.
class ReadingDevice {
  public:
    ReadingDevice(SessionBed& bed, std::string name, std::vector<std::string> streams);

    /// By cursors, or by patterns and the last position up to which it holds everything.
    void connect(std::uint32_t credit, bool discovers);
    /// The connection is gone; of what came last, the device may have stored only a part.
    void cut(std::size_t events_lost);
    bool connected() const { return peer_ != nullptr && peer_->open(); }
    void give_credit(std::uint32_t bytes);
    void resubscribe(std::string const& stream);
    void unsubscribe(std::string const& stream);
    /// Asks for a part of what it holds again.
    void need(std::string const& stream, SimRandom& random);
    void wait(bool waits);
    void take(std::size_t payloads, std::size_t bytes);
    std::size_t queued_bytes() const { return connected() ? peer_->session().queued_bytes() : 0; }

    std::vector<std::string> held(std::string const& stream) const;
    /// What it doesn't follow in this connection is asked for.
    void want_all();
    std::size_t discoveries = 0;  // answered for a position

  private:
    struct Event {
        std::string text;
        Hash128 chain;
    };
    struct Range {
        std::uint64_t next;
        std::uint64_t last;
    };
    /// In this connection. While `asked`, what comes is from before and is dropped.
    enum class Join : std::uint8_t { none, asked, first_message, joined };
    struct Holding {
        std::vector<Event> events;
        Generation generation;
        Join join = Join::none;
        std::size_t subscribes_open = 0;  // not answered yet
        std::uint32_t handle = 0;
        std::deque<Range> needs;
    };
    struct Hear;
    [[noreturn]] void complain(std::string const& what) const;
    fb::StreamCursorT cursor(std::string const& stream);
    void subscribe_named();
    void on_state(fb::StreamState const& state, bool answers_hello);
    void on_welcome_end(fb::Welcome const& welcome);
    void on_events(fb::Events const& events);
    void take_needed(Holding& holding, fb::Events const& events);
    void take_new(std::string const& stream, Holding& holding, fb::Events const& events);

    SessionBed& bed_;
    std::string name_;
    std::vector<std::string> streams_;
    std::unique_ptr<SessionBed::Peer> peer_;
    std::map<std::string, Holding> holds_;
    std::map<std::uint32_t, std::string> names_;  // by handle, of this connection
    bool discovers_ = false;
    bool names_position_ = false;
    std::vector<std::string> to_subscribe_;
    using Place = std::pair<Position, Hash128>;
    std::optional<Place> position_;       // everything up to here is held
    std::optional<Place> next_position_;  // when these are held, too:
    std::map<std::string, std::uint64_t> targets_;
};

}  // namespace capstan::test
