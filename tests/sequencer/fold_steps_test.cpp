// The seven steps against a second writing of them, over all small states and runs; and the limits.
#include <boost/test/unit_test.hpp>
#include <capstan/schema.hpp>

#include "fold_bed.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

constexpr char kStream[] = "acme/room";
constexpr Seq kHead{4};

/// A device that published in a stream of 4 events.
struct Case {
    DeviceRow device;
    RunHeader run;
    std::uint32_t events = 0;
};

std::string to_text(Case const& c) {
    return "device attempt " + std::to_string(c.device.attempt.value) +
           (c.device.halted ? " halted" : "") + " last " + to_string(c.device.last) + " p " +
           std::to_string(c.device.preceding_seq.value) + ", run attempt " +
           std::to_string(c.run.attempt.value) + " after " + to_string(c.run.after) + " p " +
           std::to_string(c.run.preceding_seq.value) + " events " + std::to_string(c.events);
}

/// The steps, written from the rules alone.
Verdict::Outcome expected(Case const& c) {
    auto const& [device, run, events] = c;
    auto const is_floor = events == 0;
    auto const reaches = run.after.counter.value + events;
    if (run.attempt < device.attempt) {
        return Verdict::settled;
    }
    if (run.attempt == device.attempt) {
        if (!is_floor && reaches <= device.last.counter.value) {
            return Verdict::duplicate;
        }
        if (device.halted) {
            return Verdict::halted;
        }
        if (is_floor && run.after.counter < device.last.counter) {
            return Verdict::duplicate;
        }
        if (is_floor && run.after == device.last && run.preceding_seq <= device.preceding_seq) {
            return Verdict::duplicate;
        }
    }
    if (run.after != device.last) {
        return run.after.counter > device.last.counter ? Verdict::counter_gap
                                                       : Verdict::behind_itself;
    }
    if (run.preceding_seq > kHead || run.preceding_seq < device.preceding_seq) {
        return Verdict::refused;
    }
    return Verdict::accepted;
}

std::vector<DeviceRow> devices() {
    std::vector<DeviceRow> rows{DeviceRow{}};
    for (Link const last : {Link{}, Link{Counter{2}, Attempt{1}}, Link{Counter{2}, Attempt{2}}}) {
        for (auto const p : {0U, 3U}) {
            for (auto const halted : {false, true}) {
                DeviceRow row;
                row.owner = hash128(as_bytes("acme/anna"));
                row.attempt = Attempt{2};
                row.last = last;
                row.preceding_seq = Seq{p};
                row.halted = halted ? std::optional(Errc::position_conflict) : std::nullopt;
                rows.push_back(row);
            }
        }
    }
    return rows;
}

std::vector<Link> afters() {
    std::vector<Link> links{Link{}};
    for (std::uint64_t counter = 1; counter <= 4; ++counter) {
        for (std::uint64_t attempt = 1; attempt <= 3; ++attempt) {
            links.push_back({Counter{counter}, Attempt{attempt}});
        }
    }
    return links;
}

/// A stream of `head` events without having published them.
FoldBed bed_with_head(Seq head) {
    auto bed = FoldBed::started();
    bed.fold(encode_create(kStream, "acme/anna"));
    auto& row = bed.streams.at(kStream).row;
    row.head = head;
    row.chain = Hash128{1, 2};
    return bed;
}

Verdict fold_on(FoldBed const& bed, DeviceRow device, Case const& c) {
    auto partition = bed.partition;
    auto stream = bed.stream(kStream).row;
    RunSpec spec;
    spec.stream = kStream;
    spec.device = device_named("A");
    spec.header = c.run;
    spec.generation = bed.generation(kStream);
    spec.events.assign(c.events, "x");
    auto const record = record_of(spec);
    auto const verdict =
        fold({partition, stream, device}, SubmissionView::decode(record).value(), record);
    check_invariants(stream);
    check_invariants(device);
    check_invariants(stream, device);
    return verdict;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fold_steps)

BOOST_AUTO_TEST_CASE(every_small_case_is_decided_as_the_rules_say) {
    auto const bed = bed_with_head(kHead);
    std::map<Verdict::Outcome, int> seen;
    for (auto const& device : devices()) {
        for (auto const& after : afters()) {
            for (std::uint64_t attempt = 1; attempt <= 3; ++attempt) {
                for (auto const p : {0U, 2U, 3U, 4U, 5U}) {
                    for (std::uint32_t events = 0; events <= 3; ++events) {
                        Case const c{device, {Attempt{attempt}, after, Seq{p}, 0}, events};
                        auto const verdict = fold_on(bed, device, c);
                        ++seen[verdict.outcome];
                        if (verdict.outcome != expected(c)) {
                            BOOST_ERROR(to_text(c) << ": " << to_string(verdict.outcome)
                                                   << ", expected " << to_string(expected(c)));
                        }
                    }
                }
            }
        }
    }
    BOOST_TEST(seen.size() == 7U);
}

BOOST_AUTO_TEST_CASE(only_acceptance_and_refusal_leave_a_trace) {
    auto const bed = bed_with_head(kHead);
    for (auto const& device : devices()) {
        for (auto const& after : afters()) {
            Case const c{device, {Attempt{2}, after, Seq{9}, 0}, 1};
            auto const verdict = fold_on(bed, device, c);
            BOOST_TEST(verdict.device_changed == (verdict.outcome == Verdict::refused));
            BOOST_TEST(!verdict.stream_changed);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_stream_ends_at_the_last_seq_that_json_holds_exactly) {
    auto const bed = bed_with_head(Seq{kSeqMax.value - 1});
    Case const one{{}, {Attempt{1}, {}, Seq{}, 0}, 1};
    BOOST_TEST((fold_on(bed, {}, one).first == kSeqMax));
    Case const two{{}, {Attempt{1}, {}, Seq{}, 0}, 2};
    BOOST_TEST((fold_on(bed, {}, two).reason == Errc::stream_full));
    auto const full = bed_with_head(kSeqMax);
    BOOST_TEST((fold_on(full, {}, one).reason == Errc::stream_full));
    Case const floor{{}, {Attempt{1}, {}, Seq{}, 0}, 0};
    BOOST_TEST((fold_on(full, {}, floor).outcome == Verdict::accepted));
}

BOOST_AUTO_TEST_CASE(a_device_ends_at_the_last_counter) {
    auto const bed = bed_with_head(kHead);
    DeviceRow device;
    device.owner = hash128(as_bytes("acme/anna"));
    device.attempt = Attempt{1};
    device.last = {Counter{kSeqMax.value - 1}, Attempt{1}};
    Case const one{device, {Attempt{1}, device.last, Seq{}, 0}, 1};
    BOOST_TEST((fold_on(bed, device, one).last.counter == Counter{kSeqMax.value}));
    Case const two{device, {Attempt{1}, device.last, Seq{}, 0}, 2};
    BOOST_TEST((fold_on(bed, device, two).reason == Errc::stream_full));
}

BOOST_AUTO_TEST_CASE(a_partition_that_has_given_all_stream_numbers_ignores_new_streams) {
    auto bed = FoldBed::started();
    bed.partition.last_stream = StreamNumber{0xFFFF'FFFE};
    BOOST_TEST(bed.fold(encode_create("acme/last", "acme/anna")).created);
    auto const verdict = bed.fold(encode_create("acme/too-many", "acme/anna"));
    BOOST_TEST(verdict.outcome == Verdict::ignored);
    BOOST_TEST((verdict.reason == Errc::stream_full));
    RunSpec run;
    run.device = device_named("A");
    run.header.attempt = Attempt{1};
    run.events = {"x"};
    BOOST_TEST((bed.fold(record_of(run)).reason == Errc::stream_full));
    BOOST_TEST(!bed.device(run.stream, run.device).known());
}

BOOST_AUTO_TEST_CASE(an_unknown_generation_means_the_first_edition_alone) {
    auto bed = bed_with_head(kHead);
    RunSpec run;
    run.stream = kStream;
    run.device = device_named("A");
    run.header.attempt = Attempt{1};
    run.events = {"x"};
    auto second = bed;
    second.streams.at(kStream).row.edition = Edition{2};
    BOOST_TEST((second.fold(record_of(run)).reason == Errc::generation_changed));
    run.header.preceding_seq = kAtHead;
    run.header.attempt = Attempt{2};
    auto const record = record_of(run);
    auto partition = second.partition;
    auto row = second.stream(kStream).row;
    DeviceRow device;
    auto const verdict =
        fold({partition, row, device}, SubmissionView::decode(record).value(), record);
    BOOST_TEST(verdict.outcome == Verdict::accepted);
}

BOOST_AUTO_TEST_CASE(reserved_kinds_and_later_rules_stop_the_fold_without_a_trace) {
    auto bed = FoldBed::started();
    auto const partition = bed.partition;
    SubmissionView view;
    StreamRow stream;
    DeviceRow device;
    for (auto const kind : {5, 6, 9, 10, 11, 12, 16, 99}) {
        view.kind = static_cast<SubmissionKind>(kind);
        if (view.kind == SubmissionKind::fold_version) {
            view.fold_version = kFoldVersion + 1;
        }
        auto const verdict = fold({bed.partition, stream, device}, view, {});
        BOOST_TEST(verdict.outcome == Verdict::stopped);
        BOOST_TEST((verdict.reason == Errc::format_unknown));
        BOOST_TEST(bed.partition.position.value == partition.position.value);
        BOOST_TEST((bed.partition.chain == partition.chain));
    }
}

BOOST_AUTO_TEST_SUITE_END()
