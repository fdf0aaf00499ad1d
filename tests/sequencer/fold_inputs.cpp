#include "fold_inputs.hpp"

#include <algorithm>

namespace capstan::test {

Bytes FoldInputs::next() {
    auto const choice = dice_.below(100);
    if (choice < 12 && !sent_.empty()) {
        return dice_.pick(sent_);
    }
    if (choice < 88) {
        sent_.push_back(run());
        return sent_.back();
    }
    if (choice < 94) {
        return for_stream();
    }
    return choice < 98 ? for_partition() : damaged();
}

std::string FoldInputs::stream_name() {
    return "acme/room/" + std::to_string(dice_.below(3));
}

Bytes FoldInputs::run() {
    RunSpec run;
    run.stream = stream_name();
    run.device = device_named("device " + std::to_string(dice_.below(4)));
    auto row = bed_.stream(run.stream).row;
    catch_up(bed_.partition, row);
    auto const device = bed_.device(run.stream, run.device);

    auto const ordinal = std::max<std::uint64_t>(1, device.attempt.value + dice_.below(5)) -
                         (dice_.one_in(8) ? 1 : 0);
    auto const keeps = device.known() && !device.halted && !dice_.one_in(4);
    run.header.attempt = keeps ? device.attempt : Attempt{std::max<std::uint64_t>(1, ordinal)};
    run.header.after = device.last;
    if (dice_.one_in(10)) {
        run.header.after = Link{Counter{1 + dice_.below(9)}, device.attempt};
        run.header.after.attempt.value += run.header.after.attempt.value == 0 ? 1 : 0;
    }
    run.header.preceding_seq = preceding_seq(row, device);
    run.header.flags = dice_.one_in(3) ? RunFlags::needs_window : std::uint16_t{0};
    run.generation = run.header.preceding_seq == kAtHead ? Generation{} : generation(row);
    if (dice_.one_in(12)) {
        run.expect_head = Seq{row.head.value + dice_.below(2)};
    }
    if (dice_.one_in(40)) {
        run.principal = "acme/ben";
    }
    for (auto left = dice_.one_in(8) ? 0 : 1 + dice_.below(5); left > 0; --left) {
        run.events.push_back(std::string(1 + dice_.below(20), static_cast<char>('a' + left)));
    }
    return record_of(run);
}

Seq FoldInputs::preceding_seq(StreamRow const& stream, DeviceRow const& device) {
    if (dice_.one_in(12)) {
        return kAtHead;
    }
    if (dice_.one_in(20)) {
        return Seq{dice_.below(stream.head.value + 3)};
    }
    auto const room = stream.head.value - std::min(stream.head, device.preceding_seq).value;
    return Seq{device.preceding_seq.value + dice_.below(room + 1)};
}

Generation FoldInputs::generation(StreamRow const& stream) {
    if (dice_.one_in(20)) {
        return Generation{dice_.below(2)};
    }
    if (!stream.ended.empty() && dice_.one_in(4)) {
        return dice_.pick(stream.ended).generation;
    }
    return stream.generation;
}

Bytes FoldInputs::for_stream() {
    auto const name = stream_name();
    auto const choice = dice_.below(12);
    if (choice < 6) {
        auto const limit = [&] { return static_cast<std::uint32_t>(dice_.below(60)); };
        return encode_fold_policy(name, "acme/anna", {limit() / 4, limit(), limit()});
    }
    return choice < 11 ? encode_create(name, "acme/anna") : encode_seal(name, "acme/anna");
}

Bytes FoldInputs::for_partition() {
    switch (dice_.below(8)) {
        case 0:
        case 1:
        case 2:
            return encode_restore(Lineage{1 + dice_.below(1'000'000)}, 0);
        case 3:
            return encode_genesis(Lineage{1 + dice_.below(3)}, 0);
        case 4:
            return encode_heartbeat();
        case 5:
            return encode_fold_version(static_cast<std::uint32_t>(dice_.below(2)));
        default:
            return encode_beacon({Position{dice_.below(9)}, {}, dice_.next()});
    }
}

Bytes FoldInputs::damaged() {
    auto record = run();
    record[static_cast<std::size_t>(dice_.below(record.size()))] ^= std::byte{1};
    return record;
}

std::vector<Bytes> random_journal(std::uint64_t seed, std::size_t records) {
    Dice dice(seed);
    auto bed = FoldBed();
    FoldInputs inputs(bed, dice);
    std::vector<Bytes> journal{encode_genesis(Lineage{dice.next()}, 0)};
    bed.fold(journal.back());
    while (journal.size() < records) {
        journal.push_back(inputs.next());
        bed.fold(journal.back());
    }
    return journal;
}

}  // namespace capstan::test
