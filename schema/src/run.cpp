#include <capstan/schema/run.hpp>

namespace capstan {
namespace {

Error bad_run(std::string detail) {
    return Error{Errc::malformed, "run: " + std::move(detail)};
}

bool is_link(Link const& link) {
    return (link.counter.value == 0) == (link.attempt.value == 0);
}

}  // namespace

std::uint32_t RunView::end_of(std::uint32_t index) const {
    if (index + 1 == count_) {
        return static_cast<std::uint32_t>(event_bytes());
    }
    return load<std::uint32_t>(bytes_.data() + kHeaderBytes + std::size_t{index} * 4);
}

ByteView RunView::event(std::uint32_t index) const {
    auto const first = index == 0 ? 0 : end_of(index - 1);
    return bytes_.subspan(events_at_ + first, end_of(index) - first);
}

Result<RunView> RunView::decode(ByteView bytes) {
    RunView run;
    ByteReader in(bytes);
    run.header_.attempt.value = in.get<std::uint64_t>();
    run.header_.after.counter.value = in.get<std::uint64_t>();
    run.header_.after.attempt.value = in.get<std::uint64_t>();
    run.header_.preceding_seq.value = in.get<std::uint64_t>();
    run.header_.flags = in.get<std::uint16_t>();
    run.count_ = in.get<std::uint16_t>();
    auto const ends = in.take(run.count_ == 0 ? 0 : (std::size_t{run.count_} - 1) * 4);
    if (!in.ok()) {
        return bad_run("shorter than its header says");
    }
    run.bytes_ = bytes;
    run.events_at_ = kHeaderBytes + ends.size();

    auto const& header = run.header_;
    if (header.attempt.value == 0 || !is_link(header.after)) {
        return bad_run("attempt or after is half zero");
    }
    if ((header.flags & ~RunFlags::known) != 0) {
        return bad_run("unknown flags");
    }
    if (header.preceding_seq > kSeqMax && header.preceding_seq != kAtHead) {
        return bad_run("preceding seq out of range");
    }
    if (header.after.counter.value > kSeqMax.value) {
        return bad_run("counter out of range");
    }
    if (run.count_ > kRunEventsMax) {
        return Error{Errc::too_large, "run of " + std::to_string(run.count_) + " events"};
    }
    if (run.count_ == 0 && in.rest().size() != 0) {
        return bad_run("a floor record holds no event bytes");
    }
    std::uint64_t before = 0;
    for (std::uint32_t i = 0; i < run.count_; ++i) {
        std::uint64_t const end = run.end_of(i);
        if (end <= before || end > run.event_bytes()) {
            return bad_run("event " + std::to_string(i) + " ends out of order");
        }
        if (end - before > kEventBytesMax) {
            return Error{
                Errc::too_large,
                "event " + std::to_string(i) + " of " + std::to_string(end - before) + " bytes"};
        }
        before = end;
    }
    return run;
}

Bytes encode_run(RunHeader const& header, std::span<ByteView const> events) {
    CAPSTAN_INVARIANT(events.size() <= kRunEventsMax);
    Bytes out;
    std::size_t total = RunView::kHeaderBytes + events.size() * 4;
    for (auto const event : events) {
        total += event.size();
    }
    out.reserve(total);
    ByteWriter write(out);
    write.put(header.attempt.value)
        .put(header.after.counter.value)
        .put(header.after.attempt.value)
        .put(header.preceding_seq.value)
        .put(header.flags)
        .put(static_cast<std::uint16_t>(events.size()));
    std::uint32_t end = 0;
    for (std::size_t i = 0; i + 1 < events.size(); ++i) {
        end += static_cast<std::uint32_t>(events[i].size());
        write.put(end);
    }
    for (auto const event : events) {
        write.put(event);
    }
    return out;
}

Result<DeliveredRunView> DeliveredRunView::take(ByteReader& reader) {
    DeliveredRunView delivered;
    auto const start = reader.rest();
    auto const length = reader.get<std::uint32_t>();
    delivered.device_ = reader.get_device();
    delivered.gateway_time_.micros = reader.get<std::int64_t>();
    auto const run = reader.take(length);
    if (!reader.ok()) {
        return bad_run("delivered run is cut short");
    }
    CAPSTAN_TRY(delivered.run_, RunView::decode(run));
    delivered.bytes_ = start.first(kPrefixBytes + length);
    return delivered;
}

void encode_delivered_run(Bytes& out, DeviceId const& device, WallTime gateway_time, ByteView run) {
    ByteWriter(out)
        .put(static_cast<std::uint32_t>(run.size()))
        .put(device)
        .put(gateway_time.micros)
        .put(run);
}

}  // namespace capstan
