// I5, I25, I26: whatever the order of publishes, batches, credit, slow writes and cuts, every
// reader gets each event of its streams once and in order, and holds what the partition holds.
#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "history.hpp"
#include "real_bed.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

std::vector<std::string> const kStreams{"acme/a", "acme/b", "acme/c/d", "acme/e"};
constexpr std::size_t kSoftBytes = 800;
constexpr std::size_t kSlackBytes = 4'096;  // one message, and the answers to what was asked

SessionOptions small_options() {
    return {.queued_bytes_soft = kSoftBytes,
            .page_bytes = 300,
            .page_streams = 2,
            .coalesce_bytes = 500,
            .page_cache_bytes = 2'000};
}

/// CAPSTAN_HISTORIES=10000 looks further than the daily run.
std::uint64_t histories(std::uint64_t daily) {
    char const* const value = std::getenv("CAPSTAN_HISTORIES");
    return value == nullptr ? daily : std::strtoull(value, nullptr, 10);
}

class History {
  public:
    History(SessionBed& bed, std::uint64_t seed) : bed_(bed), random_(seed) {
        for (std::size_t i = 0; i < 5; ++i) {
            writers_.push_back(std::make_unique<PublishingDevice>(
                bed, kStreams[i % kStreams.size()], "w" + std::to_string(i)));
        }
        for (std::size_t i = 0; i < 4; ++i) {
            readers_.push_back(
                std::make_unique<ReadingDevice>(bed, "r" + std::to_string(i), kStreams));
        }
    }

    void run(int steps) {
        for (int i = 0; i < steps; ++i) {
            step();
            for (auto const& reader : readers_) {
                BOOST_TEST_REQUIRE(reader->queued_bytes() <= kSoftBytes + kSlackBytes);
            }
        }
        settle();
        compare();
    }
    std::size_t discoveries() const {
        std::size_t total = 0;
        for (auto const& reader : readers_) {
            total += reader->discoveries;
        }
        return total;
    }

  private:
    void step() {
        auto const dice = random_.below(100);
        if (dice < 45) {
            step_writer(*writers_[random_.below(writers_.size())]);
        } else if (dice < 60) {
            bed_.flush(1 + random_.below(8));
        } else {
            step_reader(*readers_[random_.below(readers_.size())]);
        }
    }

    void step_writer(PublishingDevice& writer) {
        auto const dice = random_.below(20);
        if (!writer.connected()) {
            writer.connect();
        } else if (dice == 0) {
            writer.cut();
        } else if (dice == 1) {
            writer.repeat();
        } else {
            writer.publish(1 + random_.below(6));
        }
    }

    void step_reader(ReadingDevice& reader) {
        auto const& stream = kStreams[random_.below(kStreams.size())];
        if (!reader.connected()) {
            reader.connect(static_cast<std::uint32_t>(random_.below(2'000)), random_.chance(1, 2));
            return;
        }
        switch (random_.below(12)) {
            case 0:
                reader.cut(random_.chance(1, 3) ? random_.below(10) : 0);
                break;
            case 1:
                reader.wait(true);
                break;
            case 2:
                reader.wait(false);
                break;
            case 3:
                reader.resubscribe(stream);
                break;
            case 4:
                reader.unsubscribe(stream);
                break;
            case 5:
                reader.want_all();
                break;
            case 6:
                reader.need(stream, random_);
                break;
            case 7:
            case 8:
                reader.give_credit(static_cast<std::uint32_t>(random_.below(1'500)));
                break;
            default:
                reader.take(1 + random_.below(4), 1 + random_.below(1'000));
        }
    }

    /// Faults end; everyone is given what it takes to be done.
    void settle() {
        for (int i = 0; i < 100; ++i) {
            bool done = true;
            for (auto const& writer : writers_) {
                if (!writer->connected()) {
                    writer->connect();
                }
                writer->repeat();
                writer->take();
                done = done && writer->done();
            }
            bed_.flush();
            for (auto const& reader : readers_) {
                if (!reader->connected()) {
                    reader->connect(0, false);
                }
                reader->wait(false);
                reader->give_credit(1'000'000);
                reader->take(1'000, 100'000);
                reader->want_all();
                reader->take(1'000, 100'000);
            }
            if (done && i > 3) {
                return;
            }
        }
        BOOST_FAIL("runs without a verdict");
    }

    void compare() {
        for (auto const& stream : kStreams) {
            auto const all = read_all(stream);
            for (auto const& reader : readers_) {
                BOOST_TEST(reader->held(stream) == all, boost::test_tools::per_element());
            }
        }
        std::uint64_t accepted = 0;
        for (auto const& writer : writers_) {
            accepted += writer->accepted();
        }
        std::uint64_t stored = 0;
        for (auto const& stream : kStreams) {
            stored += read_all(stream).size();
        }
        BOOST_TEST(accepted == stored);
    }

    std::vector<std::string> read_all(std::string const& stream) {
        std::vector<std::string> events;
        auto const stat = bed_.partition().stat(std::string_view(stream)).value();
        while (stat && events.size() < stat->head.value) {
            auto const page =
                bed_.partition().read(stat->number, Seq{events.size() + 1}, 1'000).value();
            for (ByteReader reader(page.runs); !reader.rest().empty();) {
                auto const delivered = DeliveredRunView::take(reader).value();
                for (std::uint32_t i = 0; i < delivered.run().count(); ++i) {
                    events.emplace_back(as_text(delivered.run().event(i)));
                }
            }
        }
        return events;
    }

    SessionBed& bed_;
    SimRandom random_;
    std::vector<std::unique_ptr<PublishingDevice>> writers_;
    std::vector<std::unique_ptr<ReadingDevice>> readers_;
};

/// What happened over all histories, so that a test that no longer tests anything fails.
struct Totals {
    std::uint64_t discoveries = 0;
    std::uint64_t live = 0;
    std::uint64_t demotions = 0;
    std::uint64_t promotions = 0;
    std::uint64_t shared_pages = 0;
    std::uint64_t duplicates = 0;

    void check() const {
        BOOST_TEST(discoveries > 0U);
        BOOST_TEST(live > 0U);
        BOOST_TEST(demotions > 0U);
        BOOST_TEST(promotions > 0U);
        BOOST_TEST(shared_pages > 0U);
        BOOST_TEST(duplicates > 0U);
    }
};

template <class Bed>
void run_histories(std::uint64_t count, int steps) {
    Totals totals;
    for (std::uint64_t seed = 1; seed <= count; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            Bed bed(small_options(), seed);
            History history(bed, seed);
            history.run(steps);
            auto const& counted = bed.host->counters();
            totals.discoveries += history.discoveries();
            totals.live += counted.live_deliveries;
            totals.demotions += counted.demotions;
            totals.promotions += counted.promotions;
            totals.shared_pages += counted.pages_shared;
            totals.duplicates +=
                counted.runs_by_outcome[static_cast<std::size_t>(fb::Outcome::duplicate)];
        }
    }
    totals.check();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(session_history)

BOOST_AUTO_TEST_CASE(I5_every_reader_gets_each_event_once_and_in_order) {
    run_histories<FakeBed>(histories(150), 300);
}

BOOST_AUTO_TEST_CASE(I5_holds_over_a_real_partition_on_simulated_storage) {
    run_histories<RealBed>(histories(20), 300);
}

BOOST_AUTO_TEST_SUITE_END()
