// Chunks beside a model's, little-endian, with version and kind in front as all chunks:
//
//   trails = (length:u32 trail){…}                          kind 4; as many as objects
//   visits = (first:u64 last:u64){1..1,024}                 kind 5
//   deaths = (seq:u64 id:name8){1..1,024}                   kind 6; by seq, then id
//   past   = count:u32 (ref u32{8}){count}                  kind 7; trails and recency
//            count:u32 (ref last:u64){count}                visits
//            count:u32 (ref last:u64){count}                deaths
//            deaths_after:u64
//   ref and name8 as in manifests
#include <algorithm>
#include <capstan/schema/limits.hpp>
#include <capstan/snapshotter/past.hpp>

namespace capstan {
namespace {

constexpr std::size_t kRefBytes = 40;

Error malformed(char const* what) {
    return {Errc::malformed, std::string("chunk: ") + what};
}

void put_ref(ByteWriter& out, ChunkRef const& ref) {
    out.put(ByteView(ref.id.bytes)).put(ref.bytes).put(ref.packed_bytes);
}

/// Where it stands is checked late: what is cut reads as zeros.
class PastReader {
  public:
    explicit PastReader(ByteView bytes) : in_(bytes) {}
    Past read();
    bool done() const { return ok_ && in_.done(); }

  private:
    std::size_t count(std::size_t bytes_each) {
        std::size_t const count = in_.get<std::uint32_t>();
        ok_ = ok_ && in_.ok() && count <= in_.rest().size() / bytes_each;
        return ok_ ? count : 0;
    }
    ChunkRef ref() {
        ChunkRef ref;
        if (auto const id = in_.take(ref.id.bytes.size()); !id.empty()) {
            std::ranges::copy(id, ref.id.bytes.begin());
        }
        ref.bytes = in_.get<std::uint32_t>();
        ref.packed_bytes = in_.get<std::uint32_t>();
        ok_ = ok_ && ref.bytes > 0 && ref.bytes <= kChunkBytesMax && ref.packed_bytes > 0;
        return ref;
    }
    Seq seq() { return Seq{in_.get<std::uint64_t>()}; }

    ByteReader in_;
    bool ok_ = true;
};

Past PastReader::read() {
    Past past;
    for (auto left = count(kRefBytes + sizeof(Recency)); left > 0; --left) {
        ObjectsPast objects{ref(), {}};
        for (auto& bytes : objects.recent) {
            bytes = in_.get<std::uint32_t>();
        }
        past.objects.push_back(objects);
    }
    for (auto left = count(kRefBytes + 8); left > 0; --left) {
        auto const visits = ref();
        past.devices.push_back({visits, seq()});
    }
    for (auto left = count(kRefBytes + 8); left > 0; --left) {
        auto const deaths = ref();
        past.deaths.push_back({deaths, seq()});
    }
    past.deaths_after = seq();
    return past;
}

}  // namespace

std::size_t recency_of(std::uint64_t seqs_before) {
    std::size_t bucket = 0;
    for (; seqs_before > 0 && bucket + 1 < Recency().size(); seqs_before /= 8) {
        ++bucket;
    }
    return bucket;
}

std::vector<ChunkRef> Past::chunks() const {
    std::vector<ChunkRef> all;
    for (auto const& one : objects) {
        all.push_back(one.trails);
    }
    for (auto const& one : devices) {
        all.push_back(one.visits);
    }
    for (auto const& one : deaths) {
        all.push_back(one.deaths);
    }
    return all;
}

Bytes make_past(Past const& past) {
    Bytes body;
    ByteWriter out(body);
    out.put(static_cast<std::uint32_t>(past.objects.size()));
    for (auto const& [trails, recent] : past.objects) {
        put_ref(out, trails);
        for (auto const bytes : recent) {
            out.put(bytes);
        }
    }
    out.put(static_cast<std::uint32_t>(past.devices.size()));
    for (auto const& [visits, last] : past.devices) {
        put_ref(out, visits);
        out.put(last.value);
    }
    out.put(static_cast<std::uint32_t>(past.deaths.size()));
    for (auto const& [deaths, last] : past.deaths) {
        put_ref(out, deaths);
        out.put(last.value);
    }
    out.put(past.deaths_after.value);
    return make_chunk(ChunkKind::past, body);
}

Result<Past> read_past(ByteView chunk) {
    CAPSTAN_TRY(auto const body, open_chunk(ChunkKind::past, chunk));
    PastReader in(body);
    auto past = in.read();
    return in.done() ? Result<Past>(std::move(past)) : malformed("impossible past");
}

Bytes make_visits(std::span<DeviceSpan const> visits) {
    Bytes body;
    ByteWriter out(body);
    for (auto const& [first, last] : visits) {
        out.put(first.value).put(last.value);
    }
    return make_chunk(ChunkKind::visits, body);
}

Result<std::vector<DeviceSpan>> read_visits(ByteView chunk) {
    CAPSTAN_TRY(auto const body, open_chunk(ChunkKind::visits, chunk));
    std::vector<DeviceSpan> visits;
    ByteReader in(body);
    while (!in.rest().empty()) {
        auto const first = Seq{in.get<std::uint64_t>()};
        visits.push_back({first, Seq{in.get<std::uint64_t>()}});
    }
    return in.ok() ? Result<std::vector<DeviceSpan>>(std::move(visits)) : malformed("cut visit");
}

Bytes make_deaths(std::span<Death const> deaths) {
    Bytes body;
    ByteWriter out(body);
    for (auto const& [seq, id] : deaths) {
        out.put(seq.value).put(static_cast<std::uint8_t>(id.size())).put(std::string_view(id));
    }
    return make_chunk(ChunkKind::deaths, body);
}

Result<std::vector<Death>> read_deaths(ByteView chunk) {
    CAPSTAN_TRY(auto const body, open_chunk(ChunkKind::deaths, chunk));
    std::vector<Death> deaths;
    ByteReader in(body);
    while (!in.rest().empty()) {
        auto const seq = Seq{in.get<std::uint64_t>()};
        auto const id = in.take(in.get<std::uint8_t>());
        deaths.emplace_back(seq, std::string(as_text(id)));
    }
    return in.ok() ? Result<std::vector<Death>>(std::move(deaths)) : malformed("cut death");
}

Result<> each_trailed(
    ByteView objects,
    ByteView trails,
    std::function<Result<>(ObjectHead const&, ByteView object, ByteView trail)> const& visit) {
    CAPSTAN_TRY(auto const body, open_chunk(ChunkKind::trails, trails));
    ByteReader in(body);
    CAPSTAN_TRY(each_object(objects, [&](ObjectHead const& head, ByteView object) -> Result<> {
        auto const trail = in.take(in.get<std::uint32_t>());
        return in.ok() ? visit(head, object, trail) : malformed("fewer trails than objects");
    }));
    return in.done() ? Result<>(success()) : malformed("more trails than objects");
}

/// Within a class of recency changes are taken as spread evenly.
ChangedBytes::ChangedBytes(Manifest const& manifest, Past const& past) {
    std::uint64_t total = 0;
    std::uint64_t packed = 0;
    for (auto const& ref : manifest.object_chunks) {
        total += ref.chunk.bytes;
        packed += ref.chunk.packed_bytes;
    }
    for (std::size_t n = 0; n < past.objects.size(); ++n) {
        auto const behind = manifest.seq.value - manifest.object_chunks[n].max_seq.value;
        std::uint64_t first = 0;  // of the class: seqs before the chunk's last change
        std::uint64_t end = 1;
        for (auto const bytes : past.objects[n].recent) {
            for (std::size_t i = 0; i < within_.size(); ++i) {
                auto const seqs = std::uint64_t{1} << i;
                auto const covered =
                    std::clamp(seqs, behind + first, behind + end) - behind - first;
                auto const part = static_cast<double>(covered) / static_cast<double>(end - first);
                within_[i] += static_cast<std::uint64_t>(part * bytes);
            }
            first = end;
            end *= 8;
        }
    }
    for (auto& bytes : within_) {
        bytes = total == 0 ? 0 : bytes * packed / total;
    }
}

std::uint64_t ChangedBytes::within(std::uint64_t seqs) const {
    for (std::size_t i = 0; i < within_.size(); ++i) {
        auto const end = std::uint64_t{1} << i;
        if (seqs <= end) {
            auto const before = i == 0 ? 0 : within_[i - 1];
            auto const first = i == 0 ? 0 : end / 2;
            return before + (within_[i] - before) * (seqs - first) / (end - first);
        }
    }
    return within_.back();
}

}  // namespace capstan
