#include <algorithm>
#include <capstan/engine/sync/store.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/schema/run.hpp>
#include <map>

#include "sync/sealed.hpp"

namespace capstan::sync {
namespace {

constexpr std::size_t kChecksumBytes = 8;
constexpr std::uint64_t kNoGuard = kAtHead.value;
constexpr int kAlone = 1;
constexpr int kCoalesces = 2;
constexpr int kRunCoalesces = 128;  // beside its doubt

enum class Kind : std::uint8_t {
    device = 'D',
    cursor = 'C',
    outbox = 'O',
    mutation = 'M',
    run = 'R',
    refused = 'X',
    model = 'B',  // model_records.cpp
};

Bytes key_of(Kind kind, std::string_view stream) {
    Bytes key;
    ByteWriter(key).put(static_cast<std::uint8_t>(kind)).put(stream);
    return key;
}

Bytes key_of(Kind kind, std::string_view stream, MutationId mutation) {
    auto key = key_of(kind, stream);
    key.push_back(std::byte{0});
    for (int shift = 56; shift >= 0; shift -= 8) {
        key.push_back(static_cast<std::byte>(mutation.value >> shift));
    }
    return key;
}

/// What a key names.
struct Key {
    Kind kind{};
    std::string stream;
    MutationId mutation;
};

Result<Key> parse_key(ByteView bytes) {
    if (bytes.empty()) {
        return bad_record(bytes, "no key");
    }
    Key key;
    key.kind = static_cast<Kind>(bytes.front());
    auto rest = bytes.subspan(1);
    switch (key.kind) {
        case Kind::device:
            return rest.empty() ? Result<Key>(key) : bad_record(bytes, "unknown key");
        case Kind::model:
            return key;
        case Kind::mutation:
        case Kind::run:
        case Kind::refused: {
            if (rest.size() < 9 || rest[rest.size() - 9] != std::byte{0}) {
                return bad_record(bytes, "unknown key");
            }
            for (auto const digit : rest.last(8)) {
                key.mutation.value = key.mutation.value << 8 | static_cast<std::uint8_t>(digit);
            }
            rest = rest.first(rest.size() - 9);
            break;
        }
        case Kind::cursor:
        case Kind::outbox:
            break;
        default:
            return bad_record(bytes, "unknown key");
    }
    key.stream = as_text(rest);
    return is_stream_name(key.stream) ? Result<Key>(key) : bad_record(bytes, "no stream name");
}

std::optional<Seq> guard_from(std::uint64_t value) {
    return value == kNoGuard ? std::nullopt : std::optional<Seq>(Seq{value});
}

void write(ByteWriter& out, Mutation const& record) {
    out.put(record.generation.value).put(record.preceding_seq.value).put(record.flags);
    out.put(record.expect_head ? record.expect_head->value : kNoGuard);
    auto const how = (record.alone ? kAlone : 0) | (record.coalesces ? kCoalesces : 0);
    out.put(static_cast<std::uint8_t>(how));
    out.put(static_cast<std::uint32_t>(record.events.size()));
    for (Bytes const& event : record.events) {
        out.put(static_cast<std::uint32_t>(event.size())).put(ByteView(event));
    }
}

DeviceRecord read_device(ByteReader& in) {
    DeviceRecord record;
    record.device = in.get_device();
    record.attempt_ordinal = in.get<std::uint32_t>();
    record.mutations = in.get<std::uint64_t>();
    return record;
}

StoredCursor read_cursor(ByteReader& in) {
    StoredCursor record;
    record.generation.value = in.get<std::uint64_t>();
    record.seq.value = in.get<std::uint64_t>();
    auto const known = in.get<std::uint8_t>();
    auto const chain = in.get_hash();
    record.chain = known != 0 ? std::optional(chain) : std::nullopt;
    return record;
}

OutboxRecord read_outbox(ByteReader& in) {
    OutboxRecord record;
    record.generation.value = in.get<std::uint64_t>();
    record.confirmed.counter.value = in.get<std::uint64_t>();
    record.confirmed.attempt.value = in.get<std::uint64_t>();
    record.confirmed_seq.value = in.get<std::uint64_t>();
    record.preceding_seq.value = in.get<std::uint64_t>();
    record.attempt.value = in.get<std::uint64_t>();
    if (!in.rest().empty()) {
        record.lost_before.value = in.get<std::uint64_t>();
    }
    return record;
}

Mutation read_mutation(ByteReader& in) {
    Mutation record;
    record.generation.value = in.get<std::uint64_t>();
    record.preceding_seq.value = in.get<std::uint64_t>();
    record.flags = in.get<std::uint16_t>();
    record.expect_head = guard_from(in.get<std::uint64_t>());
    auto const how = in.get<std::uint8_t>();
    record.alone = (how & kAlone) != 0;
    record.coalesces = (how & kCoalesces) != 0;
    auto const count = in.get<std::uint32_t>();
    for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
        auto const event = in.take(in.get<std::uint32_t>());
        record.events.emplace_back(event.begin(), event.end());
    }
    return record;
}

RunRecord read_run(ByteReader& in) {
    RunRecord record;
    auto const doubt = in.get<std::uint8_t>();
    record.coalesces = (doubt & kRunCoalesces) != 0;
    record.doubt = static_cast<Doubt>(doubt & ~kRunCoalesces);
    record.code = in.get<std::uint16_t>();
    record.generation.value = in.get<std::uint64_t>();
    record.expect_head = guard_from(in.get<std::uint64_t>());
    auto const count = in.get<std::uint32_t>();
    for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
        auto const mutation = MutationId{in.get<std::uint64_t>()};
        record.parts.push_back({mutation, in.get<std::uint32_t>()});
    }
    auto const run = in.take(in.rest().size());
    record.run.assign(run.begin(), run.end());
    return record;
}

std::uint64_t events_of_parts(RunRecord const& record) {
    std::uint64_t events = 0;
    for (auto const& part : record.parts) {
        events += part.events;
    }
    return events;
}

/// A run whose parts are its events, or more of them, and whose key names its first mutation.
bool makes_sense(RunRecord const& record, MutationId first) {
    auto const run = RunView::decode(record.run);
    if (!run || run.value().is_floor() || record.doubt > Doubt::lost || record.parts.empty() ||
        record.parts.front().mutation != first) {
        return false;
    }
    MutationId before;
    for (auto const& part : record.parts) {
        if (part.events == 0 || part.mutation <= before) {
            return false;
        }
        before = part.mutation;
    }
    return events_of_parts(record) >= run.value().count();
}

/// The records of a coalesced run's mutations are beside it, with the events that it counts.
/// Precondition: mutations ascend.
bool has_its_mutations(RunRecord const& record, std::vector<Mutation> const& mutations) {
    return !is_coalesced(record) ||
           std::ranges::all_of(record.parts, [&mutations](RunRecord::Part const& part) {
               auto const found =
                   std::ranges::lower_bound(mutations, part.mutation, {}, &Mutation::id);
               return found != mutations.end() && found->id == part.mutation &&
                      found->events.size() == part.events;
           });
}

bool makes_sense(Mutation const& record) {
    return !record.events.empty() && (record.flags & ~RunFlags::known) == 0 &&
           std::ranges::none_of(record.events, &Bytes::empty);
}

class Loader {
  public:
    Result<> take(StoredRecord const& record) {
        CAPSTAN_TRY(auto const key, parse_key(record.key));
        if (key.kind == Kind::model) {
            return success();  // whoever opens the model reads it
        }
        CAPSTAN_TRY(auto const body, opened(record.key, record.value));
        ByteReader in(body);
        bool const fits = take(key, in);
        return fits && in.done() ? Result<>(success()) : bad_record(record.key, "a wrong field");
    }

    Result<StoreImage> image() {
        StoreImage image;
        image.device = device_;
        for (auto& [name, stream] : streams_) {
            std::ranges::sort(stream.mutations, {}, &Mutation::id);
            std::ranges::sort(
                stream.runs, {}, [](RunRecord const& run) { return run.parts.front().mutation; });
            for (RunRecord const& run : stream.runs) {
                if (!has_its_mutations(run, stream.mutations)) {
                    return bad_record(run_key(name, run.parts.front().mutation),
                                      "coalesced, and a mutation is missing");
                }
            }
            image.streams.emplace_back(name, std::move(stream));
        }
        return image;
    }

  private:
    bool take(Key const& key, ByteReader& in) {
        switch (key.kind) {
            case Kind::device:
                device_ = read_device(in);
                return device_->device != DeviceId{};
            case Kind::cursor: {
                auto const& cursor = streams_[key.stream].cursor.emplace(read_cursor(in));
                return cursor.seq <= kSeqMax;
            }
            case Kind::outbox:
                streams_[key.stream].outbox = read_outbox(in);
                return true;
            case Kind::mutation: {
                auto& mutation = streams_[key.stream].mutations.emplace_back(read_mutation(in));
                mutation.id = key.mutation;
                return makes_sense(mutation);
            }
            case Kind::run: {
                auto const& run = streams_[key.stream].runs.emplace_back(read_run(in));
                return makes_sense(run, key.mutation);
            }
            case Kind::model:
                break;
            case Kind::refused: {
                auto const code = in.get<std::uint16_t>();
                auto& refused = streams_[key.stream].refused.emplace_back(
                    RefusedWrite{code, read_mutation(in)});
                refused.mutation.id = key.mutation;
                return makes_sense(refused.mutation);
            }
        }
        return false;
    }

    std::optional<DeviceRecord> device_;
    std::map<std::string, StoreImage::Stream> streams_;
};

}  // namespace

Error bad_record(ByteView key, std::string_view what) {
    std::string name;
    for (char const c : as_text(key)) {
        name += c > ' ' && c < 127 ? c : '.';
    }
    return Error{Errc::malformed, "store record " + name + ": " + std::string(what)};
}

Result<ByteView> opened(ByteView key, ByteView value) {
    if (value.size() < 1 + kChecksumBytes) {
        return bad_record(key, "too short");
    }
    auto const covered = value.first(value.size() - kChecksumBytes);
    auto const sum = capstan::load<std::uint64_t>(covered.data() + covered.size());
    if (record_checksum(key, covered) != sum) {
        return bad_record(key, "wrong checksum");
    }
    if (covered.front() != std::byte{kRecordVersion}) {
        return Error{Errc::format_unknown, bad_record(key, "unknown version").detail};
    }
    return covered.subspan(1);
}

bool is_coalesced(RunRecord const& record) {
    auto const run = RunView::decode(record.run);
    CAPSTAN_INVARIANT(run.has_value());
    return events_of_parts(record) > run.value().count();
}

Bytes device_key() {
    return key_of(Kind::device, {});
}
Bytes cursor_key(std::string_view stream) {
    return key_of(Kind::cursor, stream);
}
Bytes outbox_key(std::string_view stream) {
    return key_of(Kind::outbox, stream);
}
Bytes mutation_key(std::string_view stream, MutationId mutation) {
    return key_of(Kind::mutation, stream, mutation);
}
Bytes run_key(std::string_view stream, MutationId first) {
    return key_of(Kind::run, stream, first);
}
Bytes refused_key(std::string_view stream, MutationId mutation) {
    return key_of(Kind::refused, stream, mutation);
}

Bytes encode(ByteView key, DeviceRecord const& record) {
    return sealed(key, [&](ByteWriter& out) {
        out.put(record.device).put(record.attempt_ordinal).put(record.mutations);
    });
}

Bytes encode(ByteView key, StoredCursor const& record) {
    return sealed(key, [&](ByteWriter& out) {
        out.put(record.generation.value).put(record.seq.value);
        out.put(std::uint8_t{record.chain.has_value()}).put(record.chain.value_or(Hash128{}));
    });
}

Bytes encode(ByteView key, OutboxRecord const& record) {
    return sealed(key, [&](ByteWriter& out) {
        out.put(record.generation.value);
        out.put(record.confirmed.counter.value).put(record.confirmed.attempt.value);
        out.put(record.confirmed_seq.value).put(record.preceding_seq.value);
        out.put(record.attempt.value);
        if (record.lost_before > Attempt{}) {
            out.put(record.lost_before.value);
        }
    });
}

Bytes encode(ByteView key, Mutation const& record) {
    return sealed(key, [&](ByteWriter& out) { write(out, record); });
}

Bytes encode(ByteView key, RefusedWrite const& record) {
    return sealed(key, [&](ByteWriter& out) { write(out.put(record.code), record.mutation); });
}

Bytes encode(ByteView key, RunRecord const& record) {
    return sealed(key, [&](ByteWriter& out) {
        auto const coalesces = record.coalesces ? kRunCoalesces : 0;
        out.put(static_cast<std::uint8_t>(static_cast<int>(record.doubt) | coalesces));
        out.put(record.code);
        out.put(record.generation.value);
        out.put(record.expect_head ? record.expect_head->value : kNoGuard);
        out.put(static_cast<std::uint32_t>(record.parts.size()));
        for (auto const& part : record.parts) {
            out.put(part.mutation.value).put(part.events);
        }
        out.put(ByteView(record.run));
    });
}

Result<StoreImage> load(std::span<StoredRecord const> records) {
    Loader loader;
    for (StoredRecord const& record : records) {
        CAPSTAN_TRY(loader.take(record));
    }
    return loader.image();
}

}  // namespace capstan::sync
