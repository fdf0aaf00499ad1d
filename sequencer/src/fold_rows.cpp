#include <algorithm>
#include <capstan/sequencer/fold_rows.hpp>
#include <tuple>

#include "fold_row_rules.hpp"

namespace capstan {
namespace {

constexpr std::uint8_t kRowVersion = 1;

Error damaged(std::string_view what) {
    return {Errc::index_damaged, "row: " + std::string(what)};
}

/// Takes the version byte.
Result<void> take_version(ByteReader& reader) {
    auto const version = reader.get<std::uint8_t>();
    if (reader.ok() && version > kRowVersion) {
        return Error{Errc::format_unknown, "row version " + std::to_string(version)};
    }
    return version == kRowVersion ? Result<void>(success()) : damaged("version");
}

template <class Row>
Result<Row> checked(ByteReader const& reader, Row row) {
    if (!reader.done()) {
        return damaged("length");
    }
    if (auto const rule = broken_rule(row); !rule.empty()) {
        return damaged(rule);
    }
    return row;
}

}  // namespace

void catch_up(PartitionRow const& partition, StreamRow& stream) {
    while (stream.exists() && stream.lineage_ordinal + 1 < partition.lineages.size()) {
        stream.ended.push_back({stream.generation, stream.head});
        ++stream.lineage_ordinal;
        stream.generation =
            generation_of(partition.lineages[stream.lineage_ordinal], stream.name, stream.edition);
    }
}

// --- Partition -----------------------------------------------------------------------------------
//
//   partition := u8 version = 1, u32 fold version, u32 number, u64 position, hash128 chain,
//                u32 last stream number, u64 state hash, u32 lineages, u64 each,
//                u8 marks, (u64 position, hash128 chain, u64 state hash) each

void encode(Bytes& out, PartitionRow const& row) {
    ByteWriter writer(out);
    writer.put(kRowVersion)
        .put(row.fold_version)
        .put(row.number)
        .put(row.position.value)
        .put(row.chain);
    writer.put(row.last_stream.value).put(row.state_hash);
    writer.put(static_cast<std::uint32_t>(row.lineages.size()));
    for (auto const lineage : row.lineages) {
        writer.put(lineage.value);
    }
    writer.put(static_cast<std::uint8_t>(row.marks.size()));
    for (auto const& mark : row.marks) {
        writer.put(mark.position.value).put(mark.submission_chain).put(mark.state_hash);
    }
}

Result<PartitionRow> decode_partition_row(ByteView bytes) {
    ByteReader reader(bytes);
    CAPSTAN_TRY(take_version(reader));
    PartitionRow row;
    row.fold_version = reader.get<std::uint32_t>();
    if (row.fold_version > kFoldVersion) {
        return Error{Errc::format_unknown, "fold version " + std::to_string(row.fold_version)};
    }
    row.number = reader.get<std::uint32_t>();
    row.position.value = reader.get<std::uint64_t>();
    row.chain = reader.get_hash();
    row.last_stream.value = reader.get<std::uint32_t>();
    row.state_hash = reader.get<std::uint64_t>();
    for (auto left = reader.get<std::uint32_t>(); left > 0 && reader.ok(); --left) {
        row.lineages.push_back(Lineage{reader.get<std::uint64_t>()});
    }
    for (auto left = reader.get<std::uint8_t>(); left > 0 && reader.ok(); --left) {
        auto const position = Position{reader.get<std::uint64_t>()};
        auto const chain = reader.get_hash();
        row.marks.push_back({position, chain, reader.get<std::uint64_t>()});
    }
    if (row.fold_version == 0) {
        return damaged("fold version");
    }
    return checked(reader, std::move(row));
}

// --- Stream --------------------------------------------------------------------------------------
//
//   stream  := u8 version = 1, u32 number, u8 lifecycle | 0x80 with policy, u8 length, name,
//              history unless absent, u32 members, (16 B device, u64 p, u64 joined) each
//   history := u32 edition, u64 generation, u32 lineage ordinal, u64 head, hash128 chain, u64 mark,
//              u32 G, u32 W, u32 H with policy, u32 ended, (u64 generation, u64 last) each
//
// Generations that ended at the very head are left out, as if the row had not caught up: the
// partition's row has the lineages, so they are no state of the stream's own. The policy is there
// when it is not the default.

namespace {

constexpr std::uint8_t kHasPolicy = 0x80;

std::size_t ends_to_store(StreamRow const& row) {
    auto count = row.ended.size();
    while (count > 0 && row.ended[count - 1].last == row.head) {
        --count;
    }
    return count;
}

void encode_history(ByteWriter& writer, StreamRow const& row) {
    auto const ends = ends_to_store(row);
    auto const left_out = row.ended.size() - ends;
    auto const generation = left_out == 0 ? row.generation : row.ended[ends].generation;
    writer.put(row.edition.value).put(generation.value);
    writer.put(static_cast<std::uint32_t>(row.lineage_ordinal - left_out));
    writer.put(row.head.value).put(row.chain).put(row.mark.value);
    if (row.policy != FoldPolicy{}) {
        writer.put(row.policy.grace).put(row.policy.window).put(row.policy.horizon);
    }
    writer.put(static_cast<std::uint32_t>(ends));
    for (std::size_t i = 0; i < ends; ++i) {
        writer.put(row.ended[i].generation.value).put(row.ended[i].last.value);
    }
}

FoldPolicy take_policy(ByteReader& reader) {
    FoldPolicy policy;
    policy.grace = reader.get<std::uint32_t>();
    policy.window = reader.get<std::uint32_t>();
    policy.horizon = reader.get<std::uint32_t>();
    return policy;
}

void take_history(ByteReader& reader, StreamRow& row, bool has_policy) {
    row.edition.value = reader.get<std::uint32_t>();
    row.generation.value = reader.get<std::uint64_t>();
    row.lineage_ordinal = reader.get<std::uint32_t>();
    row.head.value = reader.get<std::uint64_t>();
    row.chain = reader.get_hash();
    row.mark.value = reader.get<std::uint64_t>();
    if (has_policy) {
        row.policy = take_policy(reader);
    }
    for (auto left = reader.get<std::uint32_t>(); left > 0 && reader.ok(); --left) {
        auto const generation = Generation{reader.get<std::uint64_t>()};
        row.ended.push_back({generation, Seq{reader.get<std::uint64_t>()}});
    }
}

/// Members in order, each one once, none that has left: what `encode` writes.
bool take_members(ByteReader& reader, StreamRow& row) {
    auto const at = row.mark_context();
    std::optional<Member> before;
    for (auto left = reader.get<std::uint32_t>(); left > 0 && reader.ok(); --left) {
        auto const device = reader.get_device();
        auto const preceding_seq = Seq{reader.get<std::uint64_t>()};
        Member const member{device, preceding_seq, Seq{reader.get<std::uint64_t>()}};
        auto const ascends = !before || std::tie(before->preceding_seq, before->device) <
                                            std::tie(member.preceding_seq, member.device);
        if (!ascends || member.joined > row.head || member.preceding_seq > row.head ||
            !is_member(at, member)) {
            return false;
        }
        row.members.put(member, std::nullopt, at);
        before = member;
    }
    return true;
}

}  // namespace

void encode(Bytes& out, StreamRow const& row) {
    auto const has_policy = row.policy != FoldPolicy{};
    ByteWriter writer(out);
    writer.put(kRowVersion).put(row.number.value);
    writer.put(static_cast<std::uint8_t>(static_cast<std::uint8_t>(row.lifecycle) |
                                         (has_policy ? kHasPolicy : 0)));
    writer.put(static_cast<std::uint8_t>(row.name.size())).put(std::string_view(row.name));
    if (row.exists()) {
        encode_history(writer, row);
    }
    auto const members = row.members.current(row.mark_context());
    writer.put(static_cast<std::uint32_t>(members.size()));
    for (auto const& member : members) {
        writer.put(member.device).put(member.preceding_seq.value).put(member.joined.value);
    }
}

Result<StreamRow> decode_stream_row(ByteView bytes) {
    ByteReader reader(bytes);
    CAPSTAN_TRY(take_version(reader));
    StreamRow row;
    row.number.value = reader.get<std::uint32_t>();
    auto const flags = reader.get<std::uint8_t>();
    auto const lifecycle = flags & ~kHasPolicy;
    if (lifecycle > static_cast<int>(Lifecycle::sealed)) {
        return damaged("lifecycle");
    }
    row.lifecycle = static_cast<Lifecycle>(lifecycle);
    row.name = as_text(reader.take(reader.get<std::uint8_t>()));
    auto const has_policy = (flags & kHasPolicy) != 0;
    if (row.exists()) {
        take_history(reader, row, has_policy);
    }
    if (!row.known() || has_policy != (row.policy != FoldPolicy{}) ||
        ends_to_store(row) != row.ended.size()) {
        return damaged("not canonical");
    }
    if (!take_members(reader, row)) {
        return damaged("members");
    }
    return checked(reader, std::move(row));
}

StreamNumber stream_number_of(ByteView encoded) {
    return StreamNumber{load<std::uint32_t>(encoded.data() + 1)};
}

// --- Device --------------------------------------------------------------------------------------
//
//   device := u8 version = 1, u8 1 if it joined, u16 why it halted or 0, hash128 owner, u64
//   attempt,
//             u64 last.counter, u64 last.attempt, u64 p, if it joined: u64 joined

void encode(Bytes& out, DeviceRow const& row) {
    ByteWriter writer(out);
    writer.put(kRowVersion).put(static_cast<std::uint8_t>(row.joined ? 1 : 0));
    writer.put(
        static_cast<std::uint16_t>(row.halted ? static_cast<std::uint16_t>(*row.halted) : 0));
    writer.put(row.owner).put(row.attempt.value);
    writer.put(row.last.counter.value).put(row.last.attempt.value).put(row.preceding_seq.value);
    if (row.joined) {
        writer.put(row.joined->value);
    }
}

Result<DeviceRow> decode_device_row(ByteView bytes) {
    ByteReader reader(bytes);
    CAPSTAN_TRY(take_version(reader));
    DeviceRow row;
    auto const joined = reader.get<std::uint8_t>();
    if (auto const reason = reader.get<std::uint16_t>(); reason != 0) {
        row.halted = static_cast<Errc>(reason);
    }
    row.owner = reader.get_hash();
    row.attempt.value = reader.get<std::uint64_t>();
    row.last.counter.value = reader.get<std::uint64_t>();
    row.last.attempt.value = reader.get<std::uint64_t>();
    row.preceding_seq.value = reader.get<std::uint64_t>();
    if (joined != 0) {
        row.joined = Seq{reader.get<std::uint64_t>()};
    }
    if (joined > 1 || !row.known()) {
        return damaged("not canonical");
    }
    return checked(reader, row);
}

}  // namespace capstan
