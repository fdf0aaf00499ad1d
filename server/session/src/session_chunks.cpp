// Snapshots on their way to a device: read ahead a little, sent in order, in parts.
#include <algorithm>
#include <capstan/engine/snapshot/manifest.hpp>
#include <iterator>

#include "device_session.hpp"
#include "host.hpp"

namespace capstan {
namespace {

/// Chunks that are read, or wait in memory, for one session.
constexpr std::size_t kAhead = 4;

}  // namespace

/// It is described, and its manifest sent, once the Welcome that speaks of it is on its way.
void DeviceSession::offer_snapshot(StreamStat const& stat) {
    auto const& offer = *host_.snapshots()->newest(stat.name);
    auto opens = std::make_unique<fb::SnapshotT>();
    opens->stream = stat.number.value;
    opens->generation = offer.generation.value;
    opens->seq = offer.seq.value;
    opens->chain = std::make_unique<fb::Hash>(to_wire(offer.chain));
    opens->manifest = std::make_unique<fb::ChunkId>(to_wire(offer.manifest));
    opens->manifest_bytes = offer.manifest_bytes;
    opens->chunks = offer.chunks;
    opens->bytes = offer.chunk_bytes;
    opens->whole = offer.bytes() <= host_.options().whole_bytes_max;
    chunks_.push_back({.stream = stat.number, .id = offer.manifest, .opens = std::move(opens)});
}

/// What it is turns out when it is made.
void DeviceSession::offer_delta(StreamStat const& stat, Seq from) {
    auto opens = std::make_unique<fb::SnapshotT>();
    opens->stream = stat.number.value;
    opens->from = from.value;
    chunks_.push_back(
        {.stream = stat.number, .id = {}, .opens = std::move(opens), .fold_from = from});
}

Result<> DeviceSession::on(fb::NeedChunks const& message) {
    StreamNumber const stream{message.stream()};
    auto const* subscription = find(stream.value);
    auto const* ids = message.ids();
    if (host_.snapshots() == nullptr || subscription == nullptr || !subscription->may_read) {
        notice({Errc::not_found, "NeedChunks"}, stream);
    } else if (chunks_.size() + ids->size() > host_.options().chunks_max) {
        notice({Errc::rate_limited, "NeedChunks"}, stream);
    } else {
        for (auto const* id : *ids) {
            chunks_.push_back({.stream = stream, .id = from_wire(*id)});
        }
    }
    return success();
}

void DeviceSession::drop_chunks(StreamNumber stream) {
    std::erase_if(chunks_, [stream](ChunkOrder const& order) { return order.stream == stream; });
}

/// There is something to send, or to read.
bool DeviceSession::has_chunk() const {
    return !chunks_.empty() && (chunks_.front().bytes || chunks_.front().ticket == 0);
}

void DeviceSession::read_ahead() {
    for (std::size_t i = 0; i < std::min(kAhead, chunks_.size()); ++i) {
        auto& order = chunks_[i];
        auto const* const subscription = find(order.stream.value);
        if (order.ticket != 0 || subscription == nullptr) {
            continue;
        }
        read(order, subscription->topic.name);
    }
}

void DeviceSession::read(ChunkOrder& order, std::string_view stream) {
    auto const ticket = order.ticket = ++last_ticket_;
    auto const weak = weak_from_this();
    if (order.fold_from) {
        return host_.snapshots()->fold(
            stream, *order.fold_from, [weak, ticket](Result<FoldedBytes> const& delta) {
                if (auto const session = weak.lock()) {
                    session->delta_read(ticket, delta);
                }
            });
    }
    host_.snapshots()->read(stream, order.id, [weak, ticket](Result<SharedBytes> const& bytes) {
        if (auto const session = weak.lock()) {
            session->chunk_read(ticket, bytes);
        }
    });
}

ChunkOrder* DeviceSession::find_order(std::uint64_t ticket) {
    auto const order = std::ranges::find(chunks_, ticket, &ChunkOrder::ticket);
    return order == chunks_.end() ? nullptr : &*order;
}

void DeviceSession::chunk_read(std::uint64_t ticket, Result<SharedBytes> const& bytes) {
    auto* const order = find_order(ticket);
    if (order == nullptr) {
        return;
    }
    if (bytes) {
        order->bytes = bytes.value();
    } else {
        not_read(*order, bytes.error());
    }
    wake_if_resting();
}

void DeviceSession::delta_read(std::uint64_t ticket, Result<FoldedBytes> const& delta) {
    auto* const order = find_order(ticket);
    if (order == nullptr) {
        return;
    }
    if (delta) {
        auto const& [generation, seq, chain, ref, packed] = delta.value();
        auto& opens = *order->opens;
        opens.generation = generation.value;
        opens.seq = seq.value;
        opens.chain = std::make_unique<fb::Hash>(to_wire(chain));
        opens.manifest = std::make_unique<fb::ChunkId>(to_wire(ref.id));
        opens.manifest_bytes = ref.packed_bytes;
        opens.bytes = ref.bytes;
        order->id = ref.id;
        order->then = seq;
        order->bytes = packed;
    } else {
        not_read(*order, delta.error());
    }
    wake_if_resting();
}

/// What was not to be had ends the stream's snapshot: the device asks for the stream anew.
void DeviceSession::not_read(ChunkOrder const& order, Error const& why) {
    auto const stream = order.stream;
    bool const passes = describe(why.code).reaction != Reaction::fix;
    notice(passes ? why : Error{Errc::not_ready, why.detail}, stream);
    drop_chunks(stream);
}

/// False if the next one is still being read.
bool DeviceSession::send_chunk(std::size_t bytes_max) {
    read_ahead();
    if (chunks_.empty() || !chunks_.front().bytes) {
        return false;
    }
    auto& order = chunks_.front();
    if (order.opens && order.sent == 0) {
        host_.writer().add(*order.opens);
    }
    auto const part = ByteView(*order.bytes).subspan(order.sent);
    auto const bytes = part.first(std::min(part.size(), bytes_max));
    host_.writer().add(
        MessageWriter::Chunk{.stream = order.stream,
                             .id = order.id,
                             .offset = order.sent,
                             .total = static_cast<std::uint32_t>(order.bytes->size()),
                             .bytes = bytes});
    push_written();
    order.sent += static_cast<std::uint32_t>(bytes.size());
    credit_ -= static_cast<std::int64_t>(bytes.size());
    host_.count().chunk_bytes += bytes.size();
    if (order.sent == order.bytes->size()) {
        auto sent = std::move(order);
        chunks_.pop_front();
        chunk_sent(std::move(sent));
    }
    return true;
}

void DeviceSession::chunk_sent(ChunkOrder order) {
    if (order.opens && order.opens->whole) {
        return order_all(order.stream, *order.bytes);
    }
    auto* const subscription = find(order.stream.value);
    auto const stat = host_.partition()->stat(order.stream);
    if (order.then && subscription != nullptr && stat && stat.value()) {
        want(*subscription, *order.then, stat.value()->head);
    }
}

/// All chunks follow their manifest at once, before those of other streams.
void DeviceSession::order_all(StreamNumber stream, ByteView manifest) {
    auto const decoded = decode_manifest(manifest);
    if (!decoded) {
        return notice({Errc::not_ready, decoded.error().detail}, stream);
    }
    std::vector<ChunkOrder> orders;
    for (auto const& ref : decoded.value().chunks()) {
        orders.push_back({.stream = stream, .id = ref.id});
    }
    orders.back().then = decoded.value().seq;
    chunks_.insert(chunks_.begin(),
                   std::make_move_iterator(orders.begin()),
                   std::make_move_iterator(orders.end()));
}

}  // namespace capstan
