#include "tape_bed.hpp"

#include <capstan/engine/model/key_ranges.hpp>
#include <capstan/snapshotter/tape.hpp>
#include <random>

namespace capstan::test {
namespace {

DeviceId device_of(std::size_t number) {
    DeviceId id;
    store(id.bytes.data(), static_cast<std::uint64_t>(number + 1));
    return id;
}

}  // namespace

void Tape::append(std::size_t device, Event const& event, Seq preceding_seq) {
    auto const bytes = encode_event(event);
    Link& last = last_[device];
    ByteView const one[] = {bytes};
    auto const run = encode_run({Attempt::of(1, 1), last, preceding_seq, 0}, one);
    last = {last.counter.next(), Attempt::of(1, 1)};
    Stored stored;
    encode_delivered_run(stored.run, device_of(device), WallTime{}, run);
    stored.mark_before = mark_;
    stored.chain = chain_next(events_.empty() ? chain_start(stream_) : events_.back().chain,
                              {device_of(device), last.counter},
                              preceding_seq,
                              0,
                              bytes);
    events_.push_back(std::move(stored));
}

Page Tape::page(Seq first, Seq last) const {
    Page page;
    page.generation = generation;
    page.first = first;
    page.last = last;
    page.head = head();
    page.chain = events_[last.value - 1].chain;
    page.mark_before = events_[first.value - 1].mark_before;
    for (auto seq = first; seq <= last; seq = seq.next()) {
        auto const& run = events_[seq.value - 1].run;
        page.runs.insert(page.runs.end(), run.begin(), run.end());
        page.marks.push_back((seq < head() ? events_[seq.value].mark_before : mark_).value);
    }
    return page;
}

Model Tape::replay(Seq last) const {
    Model model;
    if (last.value > 0) {
        auto const all = page(Seq{1}, last);
        auto const read = each_event(all, Seq{}, [&](TapeEvent const& one) {
            model.apply(event_of(one.bytes), one.stamp, nullptr);
        });
        CAPSTAN_INVARIANT(read.has_value());
    }
    return model;
}

Result<Manifest> build(SnapshotStore& store,
                       Tape const& tape,
                       Seq seq,
                       std::size_t page_events,
                       BuildFigures* figures) {
    CAPSTAN_TRY(auto build, SnapshotBuild::begin(store, tape.stream(seq)));
    while (build.next() <= seq) {
        auto const last = std::min(seq, build.next().plus(page_events - 1));
        CAPSTAN_TRY(build.feed(tape.page(build.next(), last)));
    }
    CAPSTAN_TRY(auto manifest, build.finish());
    if (figures != nullptr) {
        *figures = build.figures();
    }
    return manifest;
}

Tape busy_tape(std::string const& stream, std::size_t events, std::uint32_t seed) {
    std::mt19937 random(seed);
    auto const below = [&](std::size_t end) { return std::size_t{random()} % end; };
    Tape tape(stream);
    tape.append(0,
                {{{.kind = OpKind::insert, .object = "policy", .type = std::string(kPolicyType)},
                  {.object = "policy", .field = "type", .value = std::string("Kept")},
                  {.object = "policy", .field = "delete", .value = std::string("update_wins")}},
                 {}});
    while (tape.head().value < events) {
        Event event;
        for (auto left = 1 + below(3); left > 0; --left) {
            auto const id = "object-" + std::to_string(below(300));
            std::string const text(below(1'500), static_cast<char>('a' + below(26)));
            switch (below(8)) {
                case 0:
                    event.ops.push_back({.kind = OpKind::remove, .object = id});
                    break;
                case 1:
                    event.ops.push_back({.kind = OpKind::add,
                                         .object = id,
                                         .field = "count",
                                         .value = std::int64_t{1}});
                    break;
                case 2:
                    event.ops.push_back(
                        {.kind = OpKind::set_add,
                         .object = id,
                         .field = "tags",
                         .value = std::string(1, static_cast<char>('a' + below(9)))});
                    break;
                case 3:
                    event.ops.push_back({.object = id, .field = "text", .value = text});
                    break;
                default:
                    event.ops.push_back({.kind = OpKind::insert,
                                         .object = id,
                                         .type = below(3) == 0 ? "Kept" : "Note"});
                    event.ops.push_back({.object = id, .field = "text", .value = text});
                    break;
            }
        }
        auto const head = tape.head().value;
        auto const late = std::min<std::size_t>(head, below(3) == 0 ? below(20) : 0);
        tape.append(below(40), event, Seq{head - late});
        if (head > 30 && below(4) == 0) {
            tape.set_mark(Seq{head - 25});
        }
    }
    return tape;
}

bool equals_replay(SnapshotStore& store, Manifest const& manifest, Tape const& tape) {
    auto const loaded = load_snapshot(store, manifest);
    if (!loaded) {
        return false;
    }
    auto const replayed = tape.replay(manifest.seq);
    auto const& model = loaded.value().model;
    return model.state_hash() == replayed.state_hash() && model.head() == replayed.head() &&
           encode_window(model) == encode_window(replayed) &&
           encode_devices(model.tables().devices) == encode_devices(replayed.tables().devices);
}

}  // namespace capstan::test
