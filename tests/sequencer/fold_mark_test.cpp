// The merge mark against its definition, recomputed from all accepted runs.
#include <boost/test/unit_test.hpp>
#include <capstan/schema.hpp>

#include "dice.hpp"
#include "fold_bed.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

constexpr char kStream[] = "acme/room";

/// An accepted run or floor record.
struct Accepted {
    DeviceId device;
    Seq preceding_seq;
    Seq head;    // after it
    bool joins;  // needs-window run or floor record
};

/// mark(n) from the text: the members are looked up among everything that was ever accepted.
std::uint64_t mark_by_definition(std::vector<Accepted> const& all,
                                 FoldPolicy const& policy,
                                 std::uint64_t mark_before,
                                 std::uint64_t n) {
    std::map<DeviceId, std::optional<std::uint64_t>> joined;
    std::map<DeviceId, std::uint64_t> p;
    for (auto const& each : all) {
        p[each.device] = each.preceding_seq.value;
        if (each.joins) {
            joined[each.device] = each.head.value;
        }
    }
    auto const below = [](std::uint64_t a, std::uint64_t b) { return a > b ? a - b : 0; };
    auto target = below(n, policy.grace);
    for (auto const& [device, at] : joined) {
        auto const within_window = *at + policy.window > n;
        auto const near = p[device] >= std::max(below(n, policy.horizon), mark_before);
        if (within_window && near) {
            target = std::min(target, p[device]);
        }
    }
    return std::max(mark_before, target);
}

/// Devices that follow a stream at their own pace and publish what does and does not need the
/// window.
class Writers {
  public:
    Writers(std::uint64_t seed, FoldPolicy policy)
        : dice_(seed), policy_(policy), bed_(FoldBed::started()) {
        bed_.fold(encode_create(kStream, "acme/anna"));
        bed_.fold(encode_fold_policy(kStream, "acme/anna", policy));
    }

    void step() {
        auto const device = device_named(std::to_string(dice_.below(1 + dice_.below(12))));
        auto const before = bed_.stream(kStream).row;
        auto const member = is_current_member(before, device);
        auto const run = choose(device, before);
        auto const verdict = bed_.fold(record_of(run));
        auto const& row = bed_.stream(kStream).row;
        if (verdict.outcome == Verdict::accepted) {
            accepted(run, verdict, before);
        } else {
            BOOST_TEST_REQUIRE((verdict.reason == Errc::rebase_needed));
            BOOST_TEST(run.header.preceding_seq.value < before.mark.value);
            BOOST_TEST(!member, "a member is never refused");
            ++refused;
        }
        BOOST_TEST(row.mark.value >= before.mark.value);
        if (dice_.one_in(50)) {
            bed_.evict();
        }
        most_members = std::max(most_members, row.members.current(row.mark_context()).size());
    }

    std::size_t refused = 0;
    std::size_t most_members = 0;
    FoldBed const& bed() const { return bed_; }

  private:
    static bool is_current_member(StreamRow const& row, DeviceId const& device) {
        auto const members = row.members.current(row.mark_context());
        return std::ranges::any_of(members, [&](Member const& m) { return m.device == device; });
    }

    RunSpec choose(DeviceId const& device, StreamRow const& row) {
        auto const known = bed_.device(kStream, device);
        RunSpec run;
        run.stream = kStream;
        run.device = device;
        run.generation = bed_.generation(kStream);
        run.header.attempt = Attempt{known.attempt.value + 1};
        run.header.after = known.last;
        auto const room = row.head.value - known.preceding_seq.value;
        auto const step =
            dice_.one_in(3) ? room : dice_.below(std::min<std::uint64_t>(room, 6) + 1);
        run.header.preceding_seq = Seq{known.preceding_seq.value + step};
        run.header.flags = dice_.one_in(2) ? RunFlags::needs_window : std::uint16_t{0};
        if (!dice_.one_in(6)) {
            run.events.assign(1 + dice_.below(4), "x");
        }
        return run;
    }

    void accepted(RunSpec const& run, Verdict const& verdict, StreamRow const& before) {
        auto const needs_window = (run.header.flags & RunFlags::needs_window) != 0;
        BOOST_TEST((!needs_window || run.header.preceding_seq >= before.mark));
        all_.push_back({run.device,
                        run.header.preceding_seq,
                        verdict.head,
                        needs_window || run.events.empty()});
        auto const expected =
            run.events.empty()
                ? before.mark.value
                : mark_by_definition(all_, policy_, before.mark.value, verdict.head.value);
        BOOST_TEST_REQUIRE(verdict.mark.value == expected);
        BOOST_TEST((verdict.mark_before == before.mark));
    }

    Dice dice_;
    FoldPolicy policy_;
    FoldBed bed_;
    std::vector<Accepted> all_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(fold_mark)

BOOST_AUTO_TEST_CASE(mark_is_what_its_definition_says) {
    FoldPolicy const policies[] = {
        {4, 16, 64}, {0, 8, 8}, {8, 40, 20}, {3, 1, 1'000}, {0, 0, 0}, {256, 4'096, 65'536}};
    std::size_t refused = 0;
    std::size_t members = 0;
    for (std::uint64_t seed = 1; seed <= 24; ++seed) {
        Writers writers(seed, policies[seed % std::size(policies)]);
        for (int i = 0; i < 200; ++i) {
            writers.step();
        }
        refused += writers.refused;
        members = std::max(members, writers.most_members);
    }
    BOOST_TEST(refused > 100U);
    BOOST_TEST(members > 4U);
}

/// Who left is forgotten, however many come and go.
BOOST_AUTO_TEST_CASE(members_that_left_do_not_pile_up) {
    Members members;
    MarkContext at{Seq{}, Seq{}, {4, 32, 64}};
    Dice dice(5);
    for (std::uint64_t n = 1; n <= 20'000; ++n) {
        at.head = Seq{n};
        auto const p = Seq{n - std::min<std::uint64_t>(n, dice.below(40))};
        members.put({device_named(std::to_string(n)), p, Seq{n}}, {}, at);
        at.mark = std::max(at.mark, members.smallest(at).value_or(Seq{}));
        BOOST_TEST_REQUIRE(members.size() <= 128U);
        BOOST_TEST_REQUIRE(members.current(at).size() <= 32U);
    }
}

/// A stream of the default policy in which 10,000 devices announce themselves, then one writes.
BOOST_AUTO_TEST_CASE(many_members_hold_the_mark_together) {
    auto bed = FoldBed::started();
    RunSpec first;
    first.stream = kStream;
    first.device = device_named("first");
    first.header.attempt = Attempt{1};
    first.events.assign(600, "x");
    bed.fold(record_of(first));
    RunSpec floor = first;
    floor.events.clear();
    floor.generation = bed.generation(kStream);
    auto partition = bed.partition;
    auto stream = bed.stream(kStream).row;
    for (std::uint64_t i = 0; i < 10'000; ++i) {
        DeviceRow device;
        floor.device = device_named(std::to_string(i));
        floor.header.preceding_seq = Seq{345 + i % 200};
        auto const record = record_of(floor);
        auto const view = SubmissionView::decode(record).value();
        BOOST_TEST_REQUIRE(
            (fold({partition, stream, device}, view, record).outcome == Verdict::accepted));
    }
    BOOST_TEST(stream.members.current(stream.mark_context()).size() == 10'000U);
    BOOST_TEST(stream.mark.value == 344U);  // 600 - 256; a floor record moves no mark
    auto device = bed.device(kStream, first.device);
    first.header.after = device.last;
    first.generation = floor.generation;
    auto const record = record_of(first);
    auto const view = SubmissionView::decode(record).value();
    auto const verdict = fold({partition, stream, device}, view, record);
    BOOST_TEST(verdict.head.value == 1'200U);
    BOOST_TEST(verdict.mark.value == 345U);
}

BOOST_AUTO_TEST_SUITE_END()
