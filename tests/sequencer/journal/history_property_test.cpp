#include <rapidcheck/boost_test.h>

#include <boost/test/unit_test.hpp>

#include "journal_world.hpp"

using namespace capstan;
using namespace capstan::test;

// I1, I18 and I19 on random lives of a journal.
namespace {

struct Step {
    enum class Kind { commit, append, flush, idle, spare, seal, checkpoint, kill, crash, rot };
    Kind kind;
    std::uint64_t dice;  // whatever the step has to choose
};

std::ostream& operator<<(std::ostream& out, Step const& step) {
    constexpr char const* kNames[] = {
        "commit", "append", "flush", "idle", "spare", "seal", "checkpoint", "kill", "crash", "rot"};
    return out << kNames[static_cast<int>(step.kind)] << '(' << step.dice << ')';
}

std::vector<std::size_t> sizes_of(SimRandom& dice) {
    std::vector<std::size_t> sizes(1 + dice.below(4));
    for (auto& size : sizes) {
        size = 32 + dice.below(dice.chance(1, 8) ? 30'000 : 3'000);
    }
    return sizes;
}

void seal_some(JournalWorld& world, SimRandom& dice) {
    for (auto const& segment : world.closed) {
        if (dice.chance(1, 2)) {
            world.journal->seal(segment.number, record_of(1, 32 + dice.below(9'000))).value();
        }
    }
}

/// A checkpoint of a fold that has gone as far as the flush.
void take_checkpoint(JournalWorld& world, SimRandom& dice) {
    Position const at{dice.below(world.flushed.value + 1)};
    if (!world.options.checkpoint || at > world.options.checkpoint->position) {
        world.options.checkpoint = world.journal->locate(at).value();
    }
}

/// One bit of a segment goes bad while the server is down. All of it is acknowledged and declared
/// durable, so either every submission still reads as it was, or opening or reading says what is
/// damaged.
void rot(JournalWorld& world, SimRandom& dice) {
    world.mark_idle().value();
    auto const segments = world.journal->describe().open_segment.value;
    auto const segment = 1 + dice.below(segments);
    auto const bit = dice.below(world.file(segment).size() * 8);
    world.crash(lose);
    world.disk->flip_bit(world.name(segment), bit);

    JournalWorld witness(world.disk->fork());
    witness.history = world.history;
    witness.options = world.options;
    if (auto const opened = witness.open(); !opened) {
        RC_ASSERT(opened.error().code == Errc::journal_corrupt);
    } else {
        RC_ASSERT(witness.recovered == world.history);
        std::vector<Bytes> read;
        auto const start = witness.journal->locate(Position{0});
        auto const outcome =
            start ? witness.journal->read(start.value(),
                                          [&](StoredSubmission const& stored) -> Result<Visit> {
                                              read.emplace_back(stored.bytes.begin(),
                                                                stored.bytes.end());
                                              return Visit::next;
                                          })
                  : start;
        RC_ASSERT(read.size() <= world.history.size());
        RC_ASSERT(std::equal(read.begin(), read.end(), world.history.begin()));
        bool const honest = outcome.has_value() ? read.size() == world.history.size()
                                                : outcome.error().code == Errc::journal_corrupt;
        RC_ASSERT(honest);
        auto const report = verify_journal(*witness.disk).value();
        if (report.is_sound() != outcome.has_value()) {
            for (auto const& problem : report.problems) {
                RC_LOG(to_string(problem));
            }
            RC_FAIL(outcome ? "verify alone complains" : text_of(outcome.error()));
        }
    }
    world.disk->flip_bit(world.name(segment), bit);
    world.reopen();
}

void take(JournalWorld& world, Step const& step) {
    SimRandom dice(step.dice);
    switch (step.kind) {
        case Step::Kind::commit:
            world.commit(sizes_of(dice));
            return;
        case Step::Kind::append:
            world.append(sizes_of(dice)).value();
            return;
        case Step::Kind::flush:
            world.flush().value();
            return;
        case Step::Kind::idle:
            world.mark_idle().value();
            return;
        case Step::Kind::spare:
            world.journal->prepare_spare().value();
            return;
        case Step::Kind::seal:
            seal_some(world, dice);
            return;
        case Step::Kind::checkpoint:
            take_checkpoint(world, dice);
            return;
        case Step::Kind::kill:
            world.kill();
            world.reopen();
            return;
        case Step::Kind::crash:
            world.disk->crash(dice);
            world.close();
            world.reopen();
            return;
        case Step::Kind::rot:
            rot(world, dice);
            return;
    }
}

rc::Gen<Step> any_step() {
    using Kind = Step::Kind;
    auto const kind = rc::gen::weightedElement<Kind>({{8, Kind::commit},
                                                      {8, Kind::append},
                                                      {3, Kind::flush},
                                                      {2, Kind::idle},
                                                      {1, Kind::spare},
                                                      {2, Kind::seal},
                                                      {1, Kind::checkpoint},
                                                      {1, Kind::kill},
                                                      {2, Kind::crash},
                                                      {1, Kind::rot}});
    auto const dice = rc::gen::inRange<std::uint64_t>(0, 1'000'000);
    return rc::gen::build<Step>(rc::gen::set(&Step::kind, kind), rc::gen::set(&Step::dice, dice));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(journal_histories)

RC_BOOST_PROP(I19_what_is_acknowledged_is_there_or_reported_and_never_something_else, ()) {
    auto const steps = *rc::gen::container<std::vector<Step>>(any_step());
    JournalWorld world;
    world.options.block_shift = *rc::gen::element<std::uint8_t>(9, 12);
    world.open().value();
    for (auto const& step : steps) {
        take(world, step);
        RC_ASSERT(world.journal->durable() <= Position{world.history.size()});
    }
    world.options.checkpoint.reset();
    world.kill();
    world.reopen();
    RC_ASSERT(world.read_all() == world.history);
    auto const report = verify_journal(*world.disk).value();
    RC_ASSERT(report.is_sound());
    RC_ASSERT(report.submissions == world.history.size());
    RC_ASSERT(report.last == Position{world.history.size()});
}

BOOST_AUTO_TEST_SUITE_END()
