// Capstan over WebSocket (docs/protocol.md): each connection is a device. What is due when bytes
// are written goes into one frame: events of one stream as one run, several runs as several
// messages. Runs are encoded into their message; answers go through the room's own reader.
#pragma once
#include <capstan/schema/event.hpp>
#include <capstan/schema/run.hpp>
#include <capstan/schema/wire.hpp>
#include <deque>

#include "websocket.hpp"

struct CapstanOptions {
    string token;
    uint32_t streams = 1, conns = 1;
    bool draw_by_event = false;  // a stream is drawn for each event, not for each frame
    bool share = false;          // each connection draws from its own streams, not from all
    bool by_handle = true;       // as a device that follows its streams; else by name
    bool again = false;          // setup publishes a second event to each stream, for comparison
    uint32_t port = 0;

    static CapstanOptions from(Args const& a, string const& mode) {
        CapstanOptions o;
        std::ifstream(a.s("token-file")) >> o.token;
        o.port = uint32_t(a.i("port", 0));
        o.conns = uint32_t(a.i("conns", 1));
        o.streams = mode == "pub" || mode == "fill" ? uint32_t(a.i("streams", 1)) : 1;
        o.draw_by_event = a.s("draw", "frame") == "event";
        o.share = a.s("of", "all") == "share";
        o.again = a.i("again", 0) != 0;
        o.by_handle = a.s("by", "handle") == "handle";
        return o;
    }
};

class CapstanCodec final : public Codec {
  public:
    explicit CapstanCodec(CapstanOptions options) : options_(std::move(options)) {}

    void setup(uint32_t streams) override;
    void reconnect(uint32_t streams, uint32_t moved) override;
    void hello(Conn&) override;
    void pub(Conn&, uint64_t id, uint32_t stream, string_view event) override;
    void flush(Conn&) override;
    size_t parse(Conn&, char const*, size_t, Sink&) override;
    void subscribe(Conn&, bool from_start) override;
    uint32_t pick(Conn&, Rng&, uint32_t streams) override;
    std::vector<string> events(size_t n, size_t bytes) override;
    size_t stamp_at() const override { return stamp_at_; }

  private:
    /// A stream as a publisher sees it.
    struct Writer {
        uint64_t counter = 0;  // of its last event sent
        uint32_t handle = 0;
    };
    /// A run that waits for its answer.
    struct Sent {
        uint32_t stream = 0;
        uint32_t count = 0;
        uint64_t first_counter = 0;
        uint64_t first_id = 0;  // its events have consecutive ids
    };
    struct Device {
        capstan::DeviceId id;
        uint64_t attempt = 0;
        std::vector<Writer> writers;
        std::vector<uint32_t> stream_of_handle;
        std::deque<Sent> sent;
        Sent open;                        // the run that events are gathered for; none with count 0
        std::vector<string_view> events;  // of it
        string payload;                   // messages of the next frame
        bool welcome = false;             // the last Welcome that answers Hello is here
        capstan::Cursor told;             // reader: where the stream's head was
        uint32_t handle = 0;              // reader: of the stream
        uint64_t seq = 0;                 // reader: holds 1..seq
        uint64_t owed = 0;                // reader: bytes of credit to give back
    };

    /// One greeting of a device that follows all streams by a pattern.
    struct Greeting {
        capstan::Position position;  // the next one's: name only what has moved since
        capstan::Hash128 chain;
        size_t named = 0;  // streams
        size_t sent = 0, received = 0;
        uint64_t ns = 0;
    };
    Greeting greet_all(Greeting const& before);
    void publish_to_each(uint32_t streams);
    Device& device(Conn& c);
    void say_hello(Conn&, Device&);
    void wait_for_welcome(Conn&, Device&);
    void close_run(Device&);
    void put_run(uint8_t* at, Device const&) const;
    void add_message(Device&, char const* identifier, flatbuffers::Offset<void> root);
    void add_messages(Device&, capstan::MessageWriter&);
    void send_frame(Conn&, Device&);
    void on_message(Conn&, Device&, capstan::Message const&, Sink&);
    void on_welcome(Device&, capstan::fb::Welcome const&);
    void on_result(Conn&, Device&, capstan::fb::Result const&, Sink&);
    void on_events(Conn&, Device&, capstan::fb::Events const&, Sink&);

    CapstanOptions options_;
    std::vector<std::unique_ptr<Device>> publishers_, readers_;  // by connection
    flatbuffers::FlatBufferBuilder builder_{65536};
    Rng keys_{7};
    size_t stamp_at_ = 0;
};
