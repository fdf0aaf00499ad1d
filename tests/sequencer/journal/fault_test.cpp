#include <boost/test/unit_test.hpp>

#include "journal_world.hpp"

using namespace capstan;
using namespace capstan::test;

// Walks a life of a journal again and again, each time with the next storage call failing, or the
// machine dying there.
namespace {

enum class Death { kill, lose_all, keep_all, random };

void die(JournalWorld& world, Death death) {
    switch (death) {
        case Death::kill:
            return world.kill();
        case Death::lose_all:
            return world.crash(lose);
        case Death::keep_all:
            return world.crash(keep);
        case Death::random:
            return world.crash_randomly();
    }
}

/// Opens, commits, rolls with and without a spare, seals, trims, idles. Goes on after what is
/// refused; says whether the journal was open all along and never failed.
bool live(JournalWorld& world) {
    if (!world.open()) {
        return false;
    }
    world.recovered.clear();
    auto const commit = [&](std::vector<std::size_t> const& bytes) {
        return world.append(bytes).has_value() && world.flush().has_value();
    };
    bool sound = commit({500, 9'000});
    sound = commit({30'000}) && sound;
    sound = world.journal->prepare_spare().has_value() && sound;
    sound = commit({20'000, 5'000}) && sound;  // rolls
    sound = world.mark_idle().has_value() && sound;
    sound = commit({50'000}) && sound;  // rolls without a spare
    for (auto const& segment : world.closed) {
        sound = world.journal->seal(segment.number, record_of(1, 5'000)).has_value() && sound;
    }
    sound = world.append({300}).has_value() && sound;
    sound = world.append({400}).has_value() && sound;
    return sound;
}

/// Opening again must find what was acknowledged; then the journal works as if nothing had been.
void check_survivor(JournalWorld& world) {
    world.options.checkpoint.reset();
    world.reopen();
    world.commit({1'000});
    world.fill_segment(20'000);
    world.crash(lose);
    world.reopen();
    BOOST_TEST((world.read_all() == world.history));
    auto const report = verify_journal(*world.disk).value();
    BOOST_TEST(report.is_sound());
    BOOST_TEST((report.last == Position{world.history.size()}));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(journal_faults)

BOOST_AUTO_TEST_CASE(any_call_may_fail_and_nothing_acknowledged_is_lost) {
    struct Row {
        Errc code;
        bool cleans;  // a failed flush leaves clean pages
    };
    int runs = 0;
    for (auto const row : {Row{Errc::disk_io, false},
                           Row{Errc::disk_io, true},
                           Row{Errc::storage_full, false},
                           Row{Errc::overloaded, false}}) {
        bool struck = true;
        for (std::uint64_t call = 0; struck; ++call) {
            BOOST_TEST_CONTEXT(describe(row.code).name << " at call " << call << ", cleans "
                                                       << row.cleans) {
                for (auto const death :
                     {Death::kill, call % 2 == 0 ? Death::lose_all : Death::keep_all}) {
                    JournalWorld world;
                    world.disk->set_failed_sync_cleans(row.cleans);
                    world.disk->fail_call(call, row.code);
                    bool const sound = live(world);
                    struck = world.disk->heal();
                    BOOST_TEST((struck || sound));
                    die(world, death);
                    check_survivor(world);
                    ++runs;
                }
            }
        }
    }
    BOOST_TEST(runs > 500);
}

BOOST_AUTO_TEST_CASE(any_call_of_a_recovery_may_fail_and_the_next_one_goes_through) {
    JournalWorld before;
    live(before);
    before.crash_randomly();
    for (auto const code : {Errc::disk_io, Errc::storage_full}) {
        bool struck = true;
        for (std::uint64_t call = 0; struck; ++call) {
            BOOST_TEST_CONTEXT(describe(code).name << " at call " << call) {
                JournalWorld world(before.disk->fork());
                world.history = before.history;
                world.flushed = before.flushed;
                world.disk->set_failed_sync_cleans(true);
                world.disk->fail_call(call, code);
                bool const opened = world.open().has_value();
                struck = world.disk->heal();
                BOOST_TEST((struck || opened));
                die(world, call % 2 == 0 ? Death::kill : Death::random);
                check_survivor(world);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(I18_the_machine_may_die_before_any_call_of_life_and_recovery) {
    struct Moment {
        std::unique_ptr<SimStorage> disk;
        Position flushed;
    };
    JournalWorld world;
    std::vector<Moment> moments;
    auto const record = [&](JournalWorld& from) {
        from.disk->set_on_call([&](std::string_view, std::string_view) {
            moments.push_back({from.disk->fork(), from.flushed});
        });
    };
    record(world);
    live(world);
    world.disk->set_on_call(nullptr);
    world.crash_randomly();
    record(world);
    world.open().value();
    world.disk->set_on_call(nullptr);

    BOOST_TEST(moments.size() > 100U);
    for (std::size_t i = 0; i < moments.size(); ++i) {
        for (int draw = 0; draw < 4; ++draw) {
            BOOST_TEST_CONTEXT("moment " << i << ", draw " << draw) {
                JournalWorld survivor(moments[i].disk->fork());
                survivor.random = SimRandom(i).child(std::to_string(draw));
                survivor.history = world.history;  // what was being appended may be there too
                survivor.flushed = moments[i].flushed;
                die(survivor, draw == 0 ? Death::lose_all : Death::random);
                survivor.reopen();
                survivor.commit({100});
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(F16_the_machine_may_die_before_any_call_of_trimming_and_recycling) {
    JournalWorld world;
    world.open().value();
    for (int i = 0; i < 4; ++i) {
        world.fill_segment(20'000);
    }
    world.options.checkpoint = world.journal->locate(world.flushed).value();
    std::vector<std::unique_ptr<SimStorage>> moments;
    world.disk->set_on_call(
        [&](std::string_view, std::string_view) { moments.push_back(world.disk->fork()); });
    world.journal->trim(world.closed.at(2).first).value();
    world.make_spare();
    auto const flushed = world.flushed;
    world.fill_segment(20'000);
    world.disk->set_on_call(nullptr);

    BOOST_TEST(moments.size() > 15U);
    for (std::size_t i = 0; i < moments.size(); ++i) {
        auto const ops = moments[i]->pending().size();
        BOOST_TEST_REQUIRE(ops < 5U);
        for (std::uint64_t subset = 0; subset < std::uint64_t{1} << ops; ++subset) {
            BOOST_TEST_CONTEXT("moment " << i << ", ops kept " << subset) {
                JournalWorld survivor(moments[i]->fork());
                survivor.options = world.options;
                survivor.history = world.history;
                survivor.flushed = flushed;
                survivor.crash([bits = subset](PendingOp const&) mutable {
                    bool const kept = (bits & 1) != 0;
                    bits >>= 1;
                    return kept ? Fate::whole() : Fate::absent();
                });
                survivor.reopen();
                // Segments are there or not, without a gap; none is half another one.
                auto const report = verify_journal(*survivor.disk).value();
                for (auto const& problem : report.problems) {
                    BOOST_TEST_REQUIRE(!problem.is_damage(), to_string(problem));
                }
                auto const first = survivor.journal->describe().first.value;
                auto const read = survivor.read_all();
                BOOST_TEST_REQUIRE(read.size() == survivor.history.size() - first + 1);
                BOOST_TEST(std::equal(read.rbegin(), read.rend(), survivor.history.rbegin()));
            }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
