#pragma once
#include <capstan/schema/wire_generated.h>
#include <flatbuffers/flatbuffers.h>

#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

namespace capstan {

inline constexpr std::uint32_t kProtocolVersion = 1;

/// One verified message, pointing into its reader's bytes.
using Message = std::variant<fb::Hello const*,
                             fb::Welcome const*,
                             fb::Subscribe const*,
                             fb::Unsubscribe const*,
                             fb::Publish const*,
                             fb::Result const*,
                             fb::Events const*,
                             fb::Hole const*,
                             fb::Need const*,
                             fb::Snapshot const*,
                             fb::Chunk const*,
                             fb::NeedChunks const*,
                             fb::Ack const*,
                             fb::Head const*,
                             fb::Credit const*,
                             fb::Notice const*>;

/// Reads the messages of one binary WebSocket message. Each is verified against the limits and its
/// enums, ids, names and UTF-8 are checked, so what `next` returns needs no further look at form;
/// runs and events inside stay opaque.
///
///   payload := (size-prefixed FlatBuffer with file identifier, zeros up to a multiple of 8 bytes)+
///
/// Lifetime: messages live as long as the reader and, where it took them without copying, the
/// payload.
class MessageReader {
  public:
    /// Copies the payload when it isn't aligned to 8 bytes.
    explicit MessageReader(ByteView payload);
    /// Nothing at the end. Errors: `malformed`, `too_large`; nothing may be read after one.
    Result<std::optional<Message>> next();

  private:
    std::vector<std::uint64_t> copy_;
    ByteView rest_;
};

/// Messages start at multiples of this in a payload.
inline constexpr std::size_t kMessageAlignment = 8;
constexpr std::size_t padded_message_bytes(std::size_t bytes) {
    return (bytes + kMessageAlignment - 1) / kMessageAlignment * kMessageAlignment;
}

/// Builds the payload of one WebSocket message from one or more messages.
/// Object types (`fb::HelloT`, …) are for messages that are rare; the others have a call without
/// intermediate objects.
class MessageWriter {
  public:
    void add(fb::HelloT const& message);
    void add(fb::WelcomeT const& message);
    void add(fb::SubscribeT const& message);
    void add(fb::UnsubscribeT const& message);
    void add(fb::ResultT const& message);
    void add(fb::HoleT const& message);
    void add(fb::NeedT const& message);
    void add(fb::SnapshotT const& message);
    void add(fb::AckT const& message);
    void add(fb::HeadT const& message);
    void add(fb::CreditT const& message);
    void add(fb::NoticeT const& message);

    /// A run for a stream with a handle, or by name where `stream` is 0.
    struct Publish {
        StreamNumber stream;
        std::string_view name;
        Generation generation;
        std::optional<Seq> expect_head;
        ByteView run;
    };
    void add(Publish const& message);

    /// Whole delivered runs, back to back.
    struct Events {
        StreamNumber stream;
        Generation generation;
        Seq first;
        Seq last;
        Hash128 chain;                         // at last
        Seq mark_before;                       // before the first run
        std::span<std::uint64_t const> marks;  // after each run
        std::span<ByteView const> runs;        // pieces; their concatenation is what is sent
        Seq head;
    };
    void add(Events const& message);
    void add(std::span<fb::RunResult const> results);

    /// A part of a manifest or a chunk.
    struct Chunk {
        StreamNumber stream;
        ChunkId id;
        std::uint32_t offset = 0;
        std::uint32_t total = 0;
        ByteView bytes;
    };
    void add(Chunk const& message);
    struct NeedChunks {
        StreamNumber stream;
        std::span<ChunkId const> ids;
    };
    void add(NeedChunks const& message);

    /// An Events message up to its runs, `run_bytes` of which the caller puts behind it as they
    /// stand, then zeros up to a multiple of 8 bytes. `message.runs` is not looked at.
    /// Precondition: the writer is empty; it stays so.
    Bytes events_head(Events const& message, std::size_t run_bytes);

    bool empty() const { return payload_.empty(); }
    std::size_t size() const { return payload_.size(); }
    ByteView payload() const { return payload_; }
    /// The payload; the writer is empty again.
    Bytes take();

  private:
    template <class T, class Object>
    void pack(Object const& object);
    template <class T>
    void finish(flatbuffers::Offset<T> root);
    void finish(Events const& message, flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> runs);

    flatbuffers::FlatBufferBuilder builder_;
    Bytes payload_;
};

fb::Hash to_wire(Hash128 const& hash);
Hash128 from_wire(fb::Hash const* hash);  // all zero for none
fb::Device to_wire(DeviceId const& device);
DeviceId from_wire(fb::Device const& device);
fb::ChunkId to_wire(ChunkId const& id);
ChunkId from_wire(fb::ChunkId const& id);

}  // namespace capstan
