// F19: the n-th allocation fails, for n through opening, appending, folding and a checkpoint. The
// process stops there, as the server does; the next one finds all that was acknowledged, runs whole
// or not at all, and the same again without its index.
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <capstan/engine/os/out_of_memory.hpp>
#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/engine/sim/sim_clock.hpp>
#include <capstan/engine/sim/sim_executor.hpp>
#include <capstan/engine/sim/sim_random.hpp>
#include <capstan/schema.hpp>
#include <capstan/sequencer/lmdb_checkpoint_store.hpp>
#include <capstan/sequencer/partition.hpp>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <new>

#include "support/temp_directory.hpp"

namespace {

constexpr long kNever = std::numeric_limits<long>::max();
long allocations_left = kNever;  // one thread allocates here

}  // namespace

// What the language calls for memory, in this program only.
void* operator new(std::size_t bytes) {
    if (allocations_left != kNever && allocations_left-- == 0) {
        std::get_new_handler()();
    }
    return std::malloc(bytes == 0 ? 1 : bytes);
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace capstan::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kStreams = 3;
constexpr std::size_t kRuns = 24;
constexpr std::size_t kRunEvents = 3;

std::string stream_of(std::size_t run) {
    return "acme/room/" + std::to_string(run % kStreams);
}

std::string event_of(std::size_t run, std::size_t event) {
    return "run " + std::to_string(run) + " event " + std::to_string(event) + std::string(300, 'x');
}

/// The record of the run, which follows the device's earlier ones.
Bytes record_of(std::size_t run) {
    std::vector<std::string> events;
    for (std::size_t i = 0; i < kRunEvents; ++i) {
        events.push_back(event_of(run, i));
    }
    std::vector<ByteView> const views{
        as_bytes(events[0]), as_bytes(events[1]), as_bytes(events[2])};
    auto const before = run / kStreams * kRunEvents;
    auto const attempt = Attempt::of(1, 1);
    Link const last = before == 0 ? Link{} : Link{Counter{before}, attempt};
    auto const bytes =
        encode_run({.attempt = attempt, .after = last, .preceding_seq = Seq{0}}, views);
    DeviceId device;
    store(device.bytes.data(), std::uint64_t{run % kStreams + 1});
    auto const stream = stream_of(run);
    RunEnvelope const envelope{.stream = stream, .principal = "acme/alice", .device = device};
    return encode_submission(envelope, RunView::decode(bytes).value());
}

/// A process on real files, in virtual time. Tells each answer to `told`.
class Process final : public PartitionListener {
  public:
    explicit Process(fs::path const& directory, int told = -1) : told_(told) {
        fs::create_directories(directory / "journal");
        storage_ = PosixStorage::open((directory / "journal").string()).value();
        checkpoints_ = LmdbCheckpointStore::open({.directory = directory / "index"}).value();
        PartitionOptions options;
        options.segment_bytes = kSegmentBytesMin;
        options.checkpoint_bytes = 16 * 1'024;
        partition_ = Partition::open(
                         options,
                         {*storage_, *checkpoints_, clock_, random_, strand_, disk_, background_},
                         *this)
                         .value();
    }

    void publish_all() {
        for (std::size_t run = 0; run < kRuns; ++run) {
            BOOST_REQUIRE(partition_->submit(record_of(run), run).has_value());
            schedule_.run_for(std::chrono::seconds(run % 8 == 7 ? 10 : 0));
        }
    }
    std::size_t answered() const { return answered_; }

    void on_folded(std::span<Folded const> batch) override {
        for (auto const& folded : batch) {
            auto const outcome = folded.verdict.outcome;
            bool const there = outcome == Verdict::accepted || outcome == Verdict::duplicate;
            answered_ += there ? 1 : 0;
            auto const run = static_cast<unsigned char>(folded.token);
            if (told_ >= 0 && (!there || ::write(told_, &run, 1) != 1)) {
                std::_Exit(3);
            }
        }
    }
    void on_turned_away(std::span<std::uint64_t const>, Error const&) override {}
    void on_moved(StreamMoved const&) override {}
    void on_stopped(Error const&) override {}

    std::vector<std::string> read_all(std::string const& stream) {
        std::vector<std::string> events;
        auto const stat = partition_->stat(stream).value();
        while (stat && events.size() < stat->head.value) {
            auto const page =
                partition_->read(stat->number, Seq{events.size() + 1}, 100'000).value();
            ByteReader reader(page.runs);
            while (!reader.done()) {
                auto const run = DeliveredRunView::take(reader).value();
                for (std::uint32_t i = 0; i < run.run().count(); ++i) {
                    events.emplace_back(as_text(run.run().event(i)));
                }
            }
        }
        return events;
    }

  private:
    int told_;
    std::size_t answered_ = 0;
    SimRandom random_{1};
    SimClock clock_;
    SimSchedule schedule_{clock_, random_, SimSchedule::Order::fifo};
    SimExecutor strand_{schedule_}, disk_{schedule_}, background_{schedule_};
    std::unique_ptr<PosixStorage> storage_;
    std::unique_ptr<LmdbCheckpointStore> checkpoints_;
    std::unique_ptr<Partition> partition_;
};

struct Life {
    int exit_code = 0;
    std::vector<std::size_t> answered;  // runs
    long allocations = 0;               // where none failed
};

/// A process of its own, whose n-th allocation fails.
Life live(fs::path const& directory, long nth) {
    int ends[2];
    BOOST_REQUIRE(::pipe(ends) == 0);
    auto const child = ::fork();
    if (child == 0) {
        ::close(STDERR_FILENO);
        stop_when_memory_runs_out();
        allocations_left = nth;
        {
            Process process(directory, ends[1]);
            process.publish_all();
        }
        auto const used = nth - std::exchange(allocations_left, kNever);
        auto const wrote = ::write(ends[1], &used, sizeof used);
        std::_Exit(wrote == sizeof used ? 0 : 3);
    }
    ::close(ends[1]);
    std::string told;
    char part[256];
    for (ssize_t got = 0; (got = ::read(ends[0], part, sizeof part)) > 0;) {
        told.append(part, static_cast<std::size_t>(got));
    }
    ::close(ends[0]);
    int status = 0;
    BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
    Life life{.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status)};
    if (life.exit_code == 0) {
        std::memcpy(&life.allocations, told.data() + told.size() - sizeof(long), sizeof(long));
        told.resize(told.size() - sizeof(long));
    }
    for (char const run : told) {
        life.answered.push_back(static_cast<unsigned char>(run));
    }
    return life;
}

/// I1 to I3: what was answered is there, each stream is a prefix of what was sent, in whole runs.
void check(std::vector<std::vector<std::string>> const& tapes, std::vector<std::size_t> answered) {
    for (std::size_t stream = 0; stream < kStreams; ++stream) {
        auto const& tape = tapes[stream];
        BOOST_TEST(tape.size() % kRunEvents == 0U);
        for (std::size_t at = 0; at < tape.size(); ++at) {
            auto const run = at / kRunEvents * kStreams + stream;
            BOOST_TEST(tape[at] == event_of(run, at % kRunEvents));
        }
    }
    for (auto const run : answered) {
        BOOST_TEST(tapes[run % kStreams].size() >= (run / kStreams + 1) * kRunEvents);
    }
}

std::vector<std::vector<std::string>> tapes_of(fs::path const& directory) {
    Process process(directory);
    std::vector<std::vector<std::string>> tapes;
    for (std::size_t stream = 0; stream < kStreams; ++stream) {
        tapes.push_back(process.read_all(stream_of(stream)));
    }
    return tapes;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(allocation)

BOOST_AUTO_TEST_CASE(F19_failed_allocation_stops_the_process_and_applies_nothing_in_part) {
    constexpr long kCasesMax = 150;
    auto const whole = live(TempDirectory{}.path(), kNever - 1);
    BOOST_TEST_REQUIRE(whole.exit_code == 0);
    BOOST_TEST_REQUIRE(whole.answered.size() == kRuns);
    BOOST_TEST_REQUIRE(whole.allocations > kCasesMax);
    for (long nth = 0; nth < whole.allocations; nth += whole.allocations / kCasesMax) {
        BOOST_TEST_CONTEXT("allocation " << nth << " of " << whole.allocations) {
            TempDirectory directory;
            auto const life = live(directory.path(), nth);
            BOOST_TEST(life.exit_code == EXIT_FAILURE);
            auto const tapes = tapes_of(directory.path());
            check(tapes, life.answered);
            fs::remove_all(directory / "index");
            BOOST_TEST((tapes_of(directory.path()) == tapes));
            Process again(directory.path());
            again.publish_all();  // each run once, sent before or not
            BOOST_TEST(again.answered() == kRuns);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan::test
