#include "fold_bed.hpp"

#include <algorithm>
#include <stdexcept>

namespace capstan::test {
namespace {

void require(bool condition, char const* what) {
    if (!condition) {
        throw std::logic_error(what);
    }
}

template <class Row>
Bytes encoded(Row const& row) {
    Bytes bytes;
    if (row.known()) {
        encode(bytes, row);
    }
    return bytes;
}

template <class Row, class Decode>
Row through_bytes(Row const& row, Decode decode) {
    Bytes bytes;
    encode(bytes, row);
    auto decoded = decode(bytes);
    require(decoded.has_value(), "an encoded row decodes");
    Bytes again;
    encode(again, decoded.value());
    require(again == bytes, "a decoded row encodes to the same bytes");
    return std::move(decoded).value();
}

}  // namespace

Bytes record_of(RunSpec const& run) {
    std::vector<ByteView> events;
    for (auto const& event : run.events) {
        events.push_back(as_bytes(event));
    }
    auto const bytes = encode_run(run.header, events);
    return encode_submission({run.stream,
                              run.principal,
                              run.generation,
                              run.expect_head,
                              run.device,
                              WallTime{1'700'000'000'000'000}},
                             RunView::decode(bytes).value());
}

DeviceId device_named(std::string_view name) {
    DeviceId device;
    for (std::size_t i = 0; i < device.bytes.size(); ++i) {
        device.bytes[i] = i < name.size() ? static_cast<std::byte>(name[i]) : std::byte{0};
    }
    return device;
}

FoldBed FoldBed::started(Decide decide) {
    FoldBed bed(decide);
    bed.fold(encode_genesis(Lineage{0x1001}, 0));
    return bed;
}

Verdict FoldBed::fold(ByteView record) {
    auto const decoded = SubmissionView::decode(record);
    if (!decoded) {
        return fold_malformed(partition, record);
    }
    auto const& view = decoded.value();
    auto row = stream(view.stream).row;
    auto device_row = device(view.stream, view.device);
    auto const position = partition.position;
    auto const mark = row.mark;
    auto const stream_before = encoded(row);
    auto const device_before = encoded(device_row);

    auto const verdict =
        fold_internal::fold_with(decide_, {partition, row, device_row}, view, record);

    require(
        partition.position == (verdict.outcome == Verdict::stopped ? position : position.next()),
        "a record takes one position");
    require(verdict.stream_changed || encoded(row) == stream_before, "stream_changed is true");
    require(verdict.device_changed || encoded(device_row) == device_before,
            "device_changed is true");
    require(row.mark >= mark, "the mark never falls");
    check_invariants(partition);
    check_invariants(row);
    check_invariants(device_row);
    check_invariants(row, device_row);
    keep(view, verdict, std::move(row), device_row);
    return verdict;
}

void FoldBed::keep(SubmissionView const& view,
                   Verdict const& verdict,
                   StreamRow row,
                   DeviceRow device) {
    if (!verdict.stream_changed && !verdict.device_changed) {
        return;
    }
    auto& kept = streams[std::string(view.stream)];
    if (verdict.outcome == Verdict::accepted && verdict.count > 0) {
        require(verdict.first.value == kept.tape.size() + 1, "seqs are dense");
        require(verdict.head == verdict.first.plus(verdict.count - 1), "the head is the last seq");
        auto chain = kept.row.exists() ? kept.row.chain : chain_start(view.stream);
        auto const flags = view.run.header().flags;
        for (std::uint32_t i = 0; i < verdict.count; ++i) {
            Dot const dot{view.device, view.run.first_counter().plus(i)};
            chain = chain_next(chain, dot, verdict.preceding_seq, flags, view.run.event(i));
            kept.tape.push_back({dot,
                                 view.run.header().attempt,
                                 verdict.preceding_seq,
                                 flags,
                                 chain,
                                 verdict.mark_before,
                                 std::string(as_text(view.run.event(i)))});
        }
        require(row.chain == chain, "the chain runs over the events");
    }
    kept.row = std::move(row);
    if (verdict.device_changed) {
        kept.devices[view.device].row = device;
    }
}

void FoldBed::evict() {
    partition = through_bytes(partition, decode_partition_row);
    for (auto& [name, stream] : streams) {
        stream.row = through_bytes(stream.row, decode_stream_row);
        for (auto& [id, device] : stream.devices) {
            device.row = through_bytes(device.row, decode_device_row);
        }
    }
}

std::uint64_t FoldBed::state_hash() {
    for (auto& [name, stream] : streams) {
        stream.share.settle(partition, row_hash(stream.row));
        for (auto& [id, device] : stream.devices) {
            device.share.settle(partition, row_hash(name, id, device.row));
        }
    }
    return partition.state_hash;
}

std::uint64_t FoldBed::state_hash_recounted() const {
    std::uint64_t sum = 0;
    for (auto const& [name, stream] : streams) {
        sum += row_hash(stream.row);
        for (auto const& [id, device] : stream.devices) {
            sum += row_hash(name, id, device.row);
        }
    }
    return sum;
}

FoldBed::Stream const& FoldBed::stream(std::string_view name) const {
    static Stream const never_seen;
    auto const found = streams.find(name);
    return found == streams.end() ? never_seen : found->second;
}

DeviceRow FoldBed::device(std::string_view name, DeviceId const& device) const {
    auto const& devices = stream(name).devices;
    auto const found = devices.find(device);
    return found == devices.end() ? DeviceRow{} : found->second.row;
}

Generation FoldBed::generation(std::string_view name) const {
    auto row = stream(name).row;
    catch_up(partition, row);
    return row.generation;
}

std::optional<Seq> FoldBed::find_run(std::string_view name,
                                     DeviceId const& device,
                                     Attempt attempt,
                                     Counter first) const {
    auto const& tape = stream(name).tape;
    auto const found = std::ranges::find_if(tape, [&](TapedEvent const& event) {
        return event.dot == Dot{device, first} && event.attempt == attempt;
    });
    return found == tape.end()
               ? std::nullopt
               : std::optional(Seq{static_cast<std::uint64_t>(found - tape.begin() + 1)});
}

}  // namespace capstan::test
