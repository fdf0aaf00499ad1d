#include <array>
#include <capstan/schema/event.hpp>
#include <capstan/schema/limits.hpp>
#include <capstan/schema/wire.hpp>

#include "work_budget.hpp"

namespace capstan {
namespace {

template <class T>
constexpr char const* kIdentifier = nullptr;
template <>
constexpr char const* kIdentifier<fb::Hello> = "CHEL";
template <>
constexpr char const* kIdentifier<fb::Welcome> = "CWEL";
template <>
constexpr char const* kIdentifier<fb::Subscribe> = "CSUB";
template <>
constexpr char const* kIdentifier<fb::Unsubscribe> = "CUNS";
template <>
constexpr char const* kIdentifier<fb::Publish> = "CPUB";
template <>
constexpr char const* kIdentifier<fb::Result> = "CRES";
template <>
constexpr char const* kIdentifier<fb::Events> = "CEVT";
template <>
constexpr char const* kIdentifier<fb::Hole> = "CHOL";
template <>
constexpr char const* kIdentifier<fb::Need> = "CNEE";
template <>
constexpr char const* kIdentifier<fb::Snapshot> = "CSNA";
template <>
constexpr char const* kIdentifier<fb::Chunk> = "CCHU";
template <>
constexpr char const* kIdentifier<fb::NeedChunks> = "CNCH";
template <>
constexpr char const* kIdentifier<fb::Ack> = "CACK";
template <>
constexpr char const* kIdentifier<fb::Head> = "CHED";
template <>
constexpr char const* kIdentifier<fb::Credit> = "CCRE";
template <>
constexpr char const* kIdentifier<fb::Notice> = "CNOT";

constexpr std::size_t kPrefixBytes = sizeof(flatbuffers::uoffset_t);

Error bad_message(std::string detail) {
    return Error{Errc::malformed, "message: " + std::move(detail)};
}

bool is_short_text(flatbuffers::String const* text, std::size_t bytes_max = kMessageTextBytesMax) {
    return text == nullptr || (text->size() <= bytes_max && is_utf8({text->c_str(), text->size()}));
}

bool is_name(flatbuffers::String const* name) {
    return name != nullptr && is_stream_name({name->c_str(), name->size()});
}

bool is_seq(std::uint64_t value) {
    return value <= kSeqMax.value;
}

bool is_range(std::uint64_t first, std::uint64_t last) {
    return first > 0 && first <= last && is_seq(last);
}

bool makes_sense(fb::StreamCursor const& cursor) {
    return is_name(cursor.name()) && is_seq(cursor.seq()) &&
           (cursor.generation() != 0 || cursor.seq() == 0);
}

bool makes_sense(fb::StreamState const& state) {
    return is_name(state.name()) && state.verdict() <= fb::Verdict::MAX && is_seq(state.head()) &&
           state.snapshot() <= state.head();
}

/// Many tables may be one table that all point to.
template <class List>
bool is_within_budget(List const& list, std::size_t message_bytes) {
    std::size_t said = 0;
    for (auto const* item : list) {
        said += sizeof(flatbuffers::uoffset_t) + item->name()->size();
    }
    return said <= kSharingMax * message_bytes;
}

template <class List>
bool all_make_sense(List const* list, std::size_t message_bytes) {
    if (list == nullptr) {
        return true;
    }
    if (list->size() > kHelloStreamsMax || !is_within_budget(*list, message_bytes)) {
        return false;
    }
    for (auto const* item : *list) {
        if (!makes_sense(*item)) {
            return false;
        }
    }
    return true;
}

bool makes_sense(fb::Hello const& hello, std::size_t message_bytes) {
    if (hello.patterns() != nullptr) {
        if (hello.patterns()->size() > kHelloPatternsMax) {
            return false;
        }
        for (auto const* pattern : *hello.patterns()) {
            if (!StreamPattern::parse({pattern->c_str(), pattern->size()})) {
                return false;
            }
        }
    }
    return from_wire(*hello.device()) != DeviceId{} &&
           is_short_text(hello.token(), kTokenBytesMax) && is_short_text(hello.agent()) &&
           all_make_sense(hello.streams(), message_bytes);
}

bool makes_sense(fb::Welcome const& welcome, std::size_t message_bytes) {
    return all_make_sense(welcome.streams(), message_bytes);
}
bool makes_sense(fb::Subscribe const& subscribe, std::size_t message_bytes) {
    return all_make_sense(subscribe.streams(), message_bytes);
}
bool makes_sense(fb::Unsubscribe const& unsubscribe) {
    return unsubscribe.stream() != 0;
}

bool makes_sense(fb::Publish const& publish) {
    return publish.name() == nullptr ? publish.stream() != 0
                                     : is_name(publish.name()) && publish.stream() == 0;
}

bool makes_sense(fb::Result const& result) {
    if (result.results() != nullptr) {
        for (auto const* item : *result.results()) {
            if (item->outcome() > fb::Outcome::MAX) {
                return false;
            }
        }
    }
    return (result.name() == nullptr || is_name(result.name())) && is_short_text(result.detail());
}

bool makes_sense(fb::Events const& events) {
    return events.stream() != 0 && is_range(events.first(), events.last()) &&
           events.chain() != nullptr;
}

bool makes_sense(fb::Hole const& hole) {
    return hole.stream() != 0 && is_range(hole.first(), hole.last()) &&
           hole.why() <= fb::HoleWhy::MAX;
}

bool makes_sense(fb::Need const& need) {
    return need.stream() != 0 && is_range(need.first(), need.last());
}

bool makes_sense(fb::Snapshot const& snapshot) {
    return snapshot.stream() != 0 && snapshot.generation() != 0 && snapshot.seq() > 0 &&
           is_seq(snapshot.seq()) && snapshot.chain() != nullptr &&
           snapshot.manifest_bytes() <= kChunkBytesMax && snapshot.from() < snapshot.seq() &&
           (snapshot.from() == 0 || snapshot.bytes() <= kChunkBytesMax);
}

bool makes_sense(fb::Chunk const& chunk) {
    std::uint64_t const end = std::uint64_t{chunk.offset()} + chunk.bytes()->size();
    return chunk.stream() != 0 && chunk.bytes()->size() > 0 && end <= chunk.total() &&
           chunk.total() <= kChunkBytesMax;
}

bool makes_sense(fb::NeedChunks const& need) {
    return need.stream() != 0 && need.ids()->size() > 0 && need.ids()->size() <= kNeedChunksMax;
}

bool makes_sense(fb::Ack const& ack) {
    return ack.stream() != 0 && is_seq(ack.seq());
}

bool makes_sense(fb::Head const& head) {
    return is_name(head.name()) && (head.state() == nullptr || makes_sense(*head.state()));
}

bool makes_sense(fb::Credit const&) {
    return true;
}
bool makes_sense(fb::Notice const& notice) {
    return is_short_text(notice.detail());
}

/// Lists of tables are judged by the size of the message, too.
template <class T>
bool is_plausible(T const& message, std::size_t message_bytes) {
    if constexpr (requires { makes_sense(message, message_bytes); }) {
        return makes_sense(message, message_bytes);
    } else {
        return makes_sense(message);
    }
}

/// The message in `bytes` if it is a T; nothing if it is another; an error if it is a bad T.
template <class T>
Result<std::optional<Message>> as(ByteView bytes) {
    auto const* raw = reinterpret_cast<std::uint8_t const*>(bytes.data());
    if (!flatbuffers::BufferHasIdentifier(raw, kIdentifier<T>, true)) {
        return std::optional<Message>{};
    }
    flatbuffers::Verifier verifier(raw, bytes.size(), kMessageDepthMax, kMessageTablesMax);
    if (!verifier.VerifySizePrefixedBuffer<T>(kIdentifier<T>)) {
        return bad_message(std::string(kIdentifier<T>) + " is not a valid FlatBuffer");
    }
    auto const* root = flatbuffers::GetSizePrefixedRoot<T>(raw);
    if (!is_plausible(*root, bytes.size())) {
        return bad_message(std::string(kIdentifier<T>) + " has a field out of range");
    }
    return std::optional<Message>{root};
}

template <std::size_t Index = 0>
Result<std::optional<Message>> identify(ByteView bytes) {
    if constexpr (Index == std::variant_size_v<Message>) {
        return bad_message("unknown identifier");
    } else {
        using Pointer = std::variant_alternative_t<Index, Message>;
        using T = std::remove_const_t<std::remove_pointer_t<Pointer>>;
        CAPSTAN_TRY(auto message, as<T>(bytes));
        return message ? Result<std::optional<Message>>(message) : identify<Index + 1>(bytes);
    }
}

}  // namespace

MessageReader::MessageReader(ByteView payload) : rest_(payload) {
    if (reinterpret_cast<std::uintptr_t>(payload.data()) % kMessageAlignment != 0) {
        copy_.resize(padded_message_bytes(payload.size()) / kMessageAlignment);
        std::memcpy(copy_.data(), payload.data(), payload.size());
        rest_ = {reinterpret_cast<std::byte const*>(copy_.data()), payload.size()};
    }
}

Result<std::optional<Message>> MessageReader::next() {
    constexpr std::size_t kSmallest =
        kPrefixBytes + sizeof(flatbuffers::uoffset_t) + flatbuffers::kFileIdentifierLength;
    if (rest_.empty()) {
        return std::optional<Message>{};
    }
    if (rest_.size() > kMessageBytesMax) {
        return Error{Errc::too_large, "message of " + std::to_string(rest_.size()) + " bytes"};
    }
    if (rest_.size() < kSmallest ||
        load<std::uint32_t>(rest_.data()) > rest_.size() - kPrefixBytes ||
        load<std::uint32_t>(rest_.data()) < kSmallest - kPrefixBytes) {
        return bad_message("cut short");
    }
    std::size_t const size = kPrefixBytes + load<std::uint32_t>(rest_.data());
    auto const bytes = rest_.first(size);
    rest_ = rest_.subspan(std::min(rest_.size(), padded_message_bytes(size)));
    return identify(bytes);
}

template <class T>
void MessageWriter::finish(flatbuffers::Offset<T> root) {
    builder_.FinishSizePrefixed(root, kIdentifier<T>);
    auto const* first = reinterpret_cast<std::byte const*>(builder_.GetBufferPointer());
    payload_.resize(padded_message_bytes(payload_.size()));
    payload_.insert(payload_.end(), first, first + builder_.GetSize());
    builder_.Clear();
}

template <class T, class Object>
void MessageWriter::pack(Object const& object) {
    finish<T>(T::Pack(builder_, &object));
}

void MessageWriter::add(fb::HelloT const& message) {
    pack<fb::Hello>(message);
}
void MessageWriter::add(fb::WelcomeT const& message) {
    pack<fb::Welcome>(message);
}
void MessageWriter::add(fb::SubscribeT const& message) {
    pack<fb::Subscribe>(message);
}
void MessageWriter::add(fb::UnsubscribeT const& message) {
    pack<fb::Unsubscribe>(message);
}
void MessageWriter::add(fb::ResultT const& message) {
    pack<fb::Result>(message);
}
void MessageWriter::add(fb::HoleT const& message) {
    pack<fb::Hole>(message);
}
void MessageWriter::add(fb::NeedT const& message) {
    pack<fb::Need>(message);
}
void MessageWriter::add(fb::SnapshotT const& message) {
    pack<fb::Snapshot>(message);
}
void MessageWriter::add(fb::AckT const& message) {
    pack<fb::Ack>(message);
}
void MessageWriter::add(fb::HeadT const& message) {
    pack<fb::Head>(message);
}
void MessageWriter::add(fb::CreditT const& message) {
    pack<fb::Credit>(message);
}
void MessageWriter::add(fb::NoticeT const& message) {
    pack<fb::Notice>(message);
}

void MessageWriter::add(Publish const& message) {
    auto const run = builder_.CreateVector(
        reinterpret_cast<std::uint8_t const*>(message.run.data()), message.run.size());
    auto const name = message.name.empty()
                          ? flatbuffers::Offset<flatbuffers::String>{}
                          : builder_.CreateString(message.name.data(), message.name.size());
    fb::PublishBuilder table(builder_);
    table.add_expect_head(message.expect_head.value_or(kAtHead).value);
    table.add_generation(message.generation.value);
    table.add_name(name);
    table.add_run(run);
    table.add_stream(message.stream.value);
    finish(table.Finish());
}

void MessageWriter::add(Events const& message) {
    std::size_t total = 0;
    for (auto const piece : message.runs) {
        total += piece.size();
    }
    std::uint8_t* at = nullptr;
    auto const runs = builder_.CreateUninitializedVector(total, 1, &at);
    for (auto const piece : message.runs) {
        std::memcpy(at, piece.data(), piece.size());
        at += piece.size();
    }
    finish(message, runs);
}

void MessageWriter::finish(Events const& message,
                           flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> runs) {
    auto const marks = builder_.CreateVector(message.marks.data(), message.marks.size());
    auto const chain = to_wire(message.chain);
    fb::EventsBuilder table(builder_);
    table.add_mark_before(message.mark_before.value);
    table.add_head(message.head.value);
    table.add_last(message.last.value);
    table.add_first(message.first.value);
    table.add_generation(message.generation.value);
    table.add_chain(&chain);
    table.add_runs(runs);
    table.add_marks(marks);
    table.add_stream(message.stream.value);
    finish(table.Finish());
}

/// A FlatBuffer is built from its end: its first vector comes last, length first, and nothing in
/// front of that depends on how long the vector is.
Bytes MessageWriter::events_head(Events const& message, std::size_t run_bytes) {
    CAPSTAN_INVARIANT(empty());
    std::uint8_t* none = nullptr;
    finish(message, builder_.CreateUninitializedVector(0, 1, &none));
    auto head = take();
    auto const runs = static_cast<std::uint32_t>(run_bytes);
    store(head.data(), static_cast<std::uint32_t>(head.size() - kPrefixBytes) + runs);
    store(head.data() + head.size() - sizeof runs, runs);
    return head;
}

void MessageWriter::add(std::span<fb::RunResult const> results) {
    auto const list = builder_.CreateVectorOfStructs(results.data(), results.size());
    finish(fb::CreateResult(builder_, list));
}

void MessageWriter::add(Chunk const& message) {
    auto const bytes = builder_.CreateVector(
        reinterpret_cast<std::uint8_t const*>(message.bytes.data()), message.bytes.size());
    auto const id = to_wire(message.id);
    finish(
        fb::CreateChunk(builder_, message.stream.value, &id, message.offset, message.total, bytes));
}

void MessageWriter::add(NeedChunks const& message) {
    fb::ChunkId* at = nullptr;
    auto const ids =
        builder_.CreateUninitializedVectorOfStructs<fb::ChunkId>(message.ids.size(), &at);
    for (ChunkId const& id : message.ids) {
        *at++ = to_wire(id);
    }
    finish(fb::CreateNeedChunks(builder_, message.stream.value, ids));
}

Bytes MessageWriter::take() {
    Bytes taken;
    taken.swap(payload_);
    return taken;
}

fb::Hash to_wire(Hash128 const& hash) {
    return fb::Hash(hash.low, hash.high);
}

Hash128 from_wire(fb::Hash const* hash) {
    return hash == nullptr ? Hash128{} : Hash128{hash->low(), hash->high()};
}

fb::Device to_wire(DeviceId const& device) {
    fb::Device wire;
    std::memcpy(static_cast<void*>(&wire), device.bytes.data(), device.bytes.size());
    return wire;
}

fb::ChunkId to_wire(ChunkId const& id) {
    fb::ChunkId wire;
    std::memcpy(static_cast<void*>(&wire), id.bytes.data(), id.bytes.size());
    return wire;
}

ChunkId from_wire(fb::ChunkId const& wire) {
    ChunkId id;
    std::memcpy(id.bytes.data(), &wire, id.bytes.size());
    return id;
}

DeviceId from_wire(fb::Device const& device) {
    DeviceId id;
    std::memcpy(id.bytes.data(), &device, id.bytes.size());
    return id;
}

}  // namespace capstan
