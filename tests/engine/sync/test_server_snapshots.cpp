// Snapshots of the test's server.
#include <capstan/engine/model/model.hpp>

#include "../snapshot/delta_of.hpp"
#include "test_server.hpp"

namespace capstan::test {
namespace {

/// Objects of a chunk: the same in all snapshots, so that these share chunks.
constexpr std::size_t kChunkObjects = 3;

/// Calls `visit(event, stamp, counter)` for each event up to `last`.
template <class Visit>
void each_event(std::vector<Bytes> const& runs,
                std::vector<TapedEvent> const& tape,
                Seq last,
                Visit&& visit) {
    Seq at;
    for (Bytes const& bytes : runs) {
        ByteReader in(bytes);
        auto const delivered = DeliveredRunView::take(in).value();
        auto const first = at.next();
        for (std::uint32_t i = 0; i < delivered.run().count() && at < last; ++i) {
            at = at.next();
            auto const& taped = tape.at(at.value - 1);
            auto const event = decode_event(delivered.run().event(i));
            visit(event ? event.value() : Event{},
                  EventStamp{.seq = at,
                             .preceding_seq = taped.preceding_seq,
                             .run_first = first,
                             .mark = taped.mark_before,
                             .device = taped.dot.device},
                  taped.dot.counter);
        }
    }
}

}  // namespace

Model fold_runs(std::vector<Bytes> const& runs, std::vector<TapedEvent> const& tape, Seq last) {
    Model model;
    each_event(runs, tape, last, [&](Event const& event, EventStamp const& stamp, Counter) {
        model.apply(event, stamp, nullptr);
    });
    return model;
}

TestSnapshot TestServer::snapshot_at(std::string const& name, Seq seq) {
    auto const& tape = bed_.stream(name).tape;
    auto const model = fold_runs(runs_.at(name), tape, seq);
    std::vector<Counter> counters(model.tables().devices.size());
    for (std::uint64_t n = 0; n < seq.value; ++n) {
        counters[model.tables().devices.find(tape[n].dot.device)] = tape[n].dot.counter;
    }
    Manifest where;
    where.stream = name;
    where.generation = bed_.generation(name);
    where.seq = seq;
    where.chain = tape[seq.value - 1].chain;
    return snapshot_of(model, std::move(where), counters, kChunkObjects);
}

/// The one of an earlier offer, if it is of use, or a new one.
TestSnapshot TestServer::snapshot_for(fb::StreamCursor const& cursor,
                                      fb::StreamStateT const& state) {
    auto const before = offered_.find(state.name);
    bool const is_of_use = before != offered_.end() &&
                           before->second.manifest.generation.value == state.generation &&
                           before->second.manifest.seq.value > cursor.seq();
    if (is_of_use && sometimes(habits_.offers_stale, "stale snapshots offered")) {
        return before->second;
    }
    Seq const seq{cursor.seq() + 1 + dice_.below(state.head - cursor.seq())};
    return offered_[state.name] = snapshot_at(state.name, seq);
}

bool TestServer::offer_delta(Session& session,
                             fb::StreamCursor const& cursor,
                             fb::StreamStateT& state) {
    if (!cursor.folds() || !sometimes(habits_.offers_deltas, "folded deltas offered")) {
        return false;
    }
    Seq const seq{cursor.seq() + 1 + dice_.below(state.head - cursor.seq())};
    TrailedModel now;
    each_event(runs_.at(state.name), bed_.stream(state.name).tape, seq, [&](auto const&... event) {
        now.apply(event...);
    });
    FoldedDelta const where{.stream = state.name,
                            .generation = Generation{state.generation},
                            .from = Seq{cursor.seq()}};
    auto folded = delta_of(now, where);
    if (sometimes(habits_.folds_by_other_rules, "folded by other rules")) {
        ++folded.rules;
    }
    auto const delta = encode_delta(folded);
    auto const packed = plain_packed(delta);
    auto const id = plain_codec().id(delta);
    state.verdict = fb::Verdict::folded_delta;
    state.snapshot = seq.value;
    state.events = state.head - seq.value;
    fb::SnapshotT message;
    message.stream = state.stream;
    message.generation = state.generation;
    message.seq = seq.value;
    message.from = cursor.seq();
    message.chain =
        std::make_unique<fb::Hash>(to_wire(bed_.stream(state.name).tape[seq.value - 1].chain));
    message.manifest = std::make_unique<fb::ChunkId>(to_wire(id));
    message.manifest_bytes = static_cast<std::uint32_t>(packed.size());
    message.bytes = delta.size();
    session.after_welcome.push_back(payload_of(message));
    send_chunk(session, state.stream, id, packed);
    session.readers[state.name] = Reader{seq, true};
    return true;
}

/// False if the device gets events.
bool TestServer::offer_snapshot(Session& session,
                                fb::StreamCursor const& cursor,
                                fb::StreamStateT& state) {
    if (!cursor.snapshots() || state.verdict != fb::Verdict::delta ||
        !sometimes(habits_.offers_snapshots, "snapshots offered")) {
        return false;
    }
    if (offer_delta(session, cursor, state)) {
        return true;
    }
    auto const& snapshot = session.snapshots[state.name] = snapshot_for(cursor, state);
    auto const seq = snapshot.manifest.seq;
    state.verdict = fb::Verdict::snapshot;
    state.snapshot = seq.value;
    state.events = state.head - seq.value;
    fb::SnapshotT message;
    message.stream = state.stream;
    message.generation = state.generation;
    message.seq = seq.value;
    message.chain = std::make_unique<fb::Hash>(to_wire(snapshot.manifest.chain));
    message.manifest = std::make_unique<fb::ChunkId>(to_wire(snapshot.id));
    message.manifest_bytes = static_cast<std::uint32_t>(snapshot.encoded.size());
    message.whole = dice_.one_in(2);
    session.after_welcome.push_back(payload_of(message));
    send_chunk(session, state.stream, snapshot.id, snapshot.encoded);
    if (message.whole) {
        for (auto const& ref : snapshot.manifest.chunks()) {
            send_chunk(session, state.stream, ref.id, snapshot.chunks.at(ref.id));
        }
        session.readers[state.name] = Reader{seq, true};
    }
    return true;
}

/// In parts of any length.
void TestServer::send_chunk(Session& session,
                            std::uint32_t stream,
                            ChunkId const& id,
                            Bytes bytes) {
    if (sometimes(habits_.loses_chunks, "chunks lost")) {
        return;
    }
    if (sometimes(habits_.damages_chunks, "chunks damaged")) {
        bytes[dice_.below(bytes.size())] ^= std::byte{0x20};
    }
    for (std::size_t at = 0; at < bytes.size();) {
        auto const size = std::min<std::size_t>(bytes.size() - at, 1 + dice_.below(400));
        MessageWriter writer;
        writer.add(MessageWriter::Chunk{.stream = StreamNumber{stream},
                                        .id = id,
                                        .offset = static_cast<std::uint32_t>(at),
                                        .total = static_cast<std::uint32_t>(bytes.size()),
                                        .bytes = ByteView(bytes).subspan(at, size)});
        session.credit -= static_cast<std::int64_t>(size);
        session.after_welcome.push_back(writer.take());
        at += size;
    }
}

void TestServer::send_chunks(Session& session, fb::NeedChunks const& message) {
    auto const& name = session.handles.at(message.stream());
    auto const& chunks = session.snapshots.at(name).chunks;
    if (sometimes(habits_.forgets_chunks, "chunks forgotten")) {
        offered_.erase(name);
        fb::NoticeT notice;
        notice.stream = message.stream();
        notice.code = static_cast<std::uint16_t>(Errc::not_ready);
        session.out.push_back(payload_of(notice));
        return;
    }
    for (auto const* id : *message.ids()) {
        send_chunk(session, message.stream(), from_wire(*id), chunks.at(from_wire(*id)));
    }
    for (auto& part : std::exchange(session.after_welcome, {})) {
        session.out.push_back(std::move(part));
    }
}

void TestServer::welcome(Session& session, fb::WelcomeT const& message) {
    session.out.push_back(payload_of(message));
    for (auto& part : std::exchange(session.after_welcome, {})) {
        session.out.push_back(std::move(part));
    }
}

}  // namespace capstan::test
