// The in-process path, submission → journal → flush → fold → answer, against the bare loop J: frame
// and hash, one pwrite and one fdatasync into a file that is written already. Batches form by
// themselves, while the one before is flushed; J then does batches of that size. Both in turn, so
// that ratios hold when the machine's speed drifts.
//
//   partition_bench [--dir DIR] [--rounds N] [--seconds S]
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <capstan/engine/asio/asio_executor.hpp>
#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/engine/os/system_clock.hpp>
#include <capstan/engine/os/system_random.hpp>
#include <capstan/schema.hpp>
#include <capstan/sequencer/lmdb_checkpoint_store.hpp>
#include <capstan/sequencer/partition.hpp>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

namespace {

using namespace capstan;
using BenchClock = std::chrono::steady_clock;

constexpr std::size_t kEventBytes = 200;
constexpr std::size_t kEventsPerRun = 64;

struct Options {
    std::filesystem::path directory = "build/bench";
    int rounds = 5;
    double seconds = 1.0;
};

double since(BenchClock::time_point start) {
    return std::chrono::duration<double>(BenchClock::now() - start).count();
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

/// Events per second of the bare loop, `batch` events of 200 bytes for each flush.
double bare_loop(Options const& options, std::size_t batch) {
    auto const path = options.directory / "bare";
    constexpr std::size_t kFileBytes = 64 * 1'048'576;
    int const file = ::open(path.c_str(), O_RDWR | O_CREAT, 0600);
    std::vector<char> const zeros(1 << 20);
    for (std::size_t at = 0; at < kFileBytes; at += zeros.size()) {
        if (::pwrite(file, zeros.data(), zeros.size(), static_cast<off_t>(at)) < 0) {
            std::abort();
        }
    }
    ::fdatasync(file);
    std::size_t const extent = frame_extent(batch * kEventBytes, 12);
    Bytes frame(extent, std::byte{7});
    std::size_t at = 0;
    std::uint64_t events = 0;
    auto const start = BenchClock::now();
    while (since(start) < options.seconds) {
        store(frame.data(), hash64(ByteView(frame).subspan(kFrameHeaderBytes)));
        if (::pwrite(file, frame.data(), frame.size(), static_cast<off_t>(at)) < 0 ||
            ::fdatasync(file) != 0) {
            std::abort();
        }
        at = at + 2 * extent > kFileBytes ? 0 : at + extent;
        events += batch;
    }
    auto const rate = static_cast<double>(events) / since(start);
    ::close(file);
    return rate;
}

/// Keeps `depth` runs under way; each answer sends the next run.
class Load final : public PartitionListener {
  public:
    Load(std::size_t depth, std::size_t streams) : writers_(depth) {
        std::string const text(kEventBytes, 'x');
        std::vector<ByteView> const events(kEventsPerRun, as_bytes(text));
        for (std::size_t i = 0; i < depth; ++i) {
            writers_[i].stream = "acme/room/" + std::to_string(i % streams);
            store(writers_[i].device.bytes.data(), std::uint64_t{i + 1});
            writers_[i].run = encode_run({.attempt = Attempt{1}}, events);
        }
    }

    void start(Partition& partition) {
        partition_ = &partition;
        for (std::size_t i = 0; i < writers_.size(); ++i) {
            send(i);
        }
    }
    void stop() { partition_ = nullptr; }
    std::uint64_t events() const { return events_; }
    std::uint64_t batches() const { return batches_; }

    void on_folded(std::span<Folded const> batch) override {
        ++batches_;
        for (auto const& folded : batch) {
            CAPSTAN_INVARIANT(folded.verdict.outcome == Verdict::accepted);
            events_ += folded.verdict.count;
            send(folded.token);
        }
    }
    void on_turned_away(std::span<std::uint64_t const>, Error const& why) override { fail(why); }
    void on_moved(StreamMoved const&) override {}
    void on_stopped(Error const& why) override { fail(why); }

  private:
    struct Writer {
        std::string stream;
        DeviceId device;
        Bytes run;
        Link last{};
    };

    [[noreturn]] static void fail(Error const& why) {
        fmt::print(stderr, "{}\n", to_string(why));
        std::abort();
    }

    void send(std::size_t index) {
        if (partition_ == nullptr) {
            return;
        }
        auto& writer = writers_[index];
        store(writer.run.data() + 8, writer.last.counter.value);
        store(writer.run.data() + 16, writer.last.attempt.value);
        auto const run = RunView::decode(writer.run).value();
        writer.last = run.last_link();
        auto record = encode_submission(
            {.stream = writer.stream, .principal = "acme/bench", .device = writer.device}, run);
        if (auto const queued = partition_->submit(std::move(record), index); !queued) {
            fail(queued.error());
        }
    }

    std::vector<Writer> writers_;
    Partition* partition_ = nullptr;
    std::uint64_t events_ = 0;
    std::uint64_t batches_ = 0;
};

struct Measured {
    double rate = 0;   // events a second
    double batch = 0;  // events that shared a flush, on average
};

/// The partition with `depth` runs of 64 events under way.
Measured in_process(Options const& options, std::size_t depth) {
    auto const directory = options.directory / "data";
    std::filesystem::remove_all(directory);
    std::filesystem::create_directories(directory / "journal");
    std::filesystem::create_directories(directory / "index");
    auto storage = PosixStorage::open((directory / "journal").string()).value();
    auto checkpoints =
        LmdbCheckpointStore::open({.directory = (directory / "index").string()}).value();
    SystemClock clock;
    SystemRandom random;
    boost::asio::io_context context{1};
    auto const work = boost::asio::make_work_guard(context);  // the disk thread may have it all
    AsioExecutor strand(context);
    Load load(depth, 16);
    Measured measured;
    {
        AsioThread disk("disk");
        AsioThread background("background");
        auto partition =
            Partition::open(
                {}, {*storage, *checkpoints, clock, random, strand, disk, background}, load)
                .value();
        load.start(*partition);
        auto const warm = BenchClock::now();
        while (since(warm) < 0.5) {
            context.run_one();
        }
        auto const events_before = load.events();
        auto const batches_before = load.batches();
        auto const start = BenchClock::now();
        while (since(start) < options.seconds) {
            context.run_one();
        }
        auto const events = static_cast<double>(load.events() - events_before);
        measured = {events / since(start),
                    events / static_cast<double>(load.batches() - batches_before)};
        load.stop();
        bool drained = false;
        partition->drain([&] { drained = true; });
        while (!drained) {
            context.run_one();
        }
    }
    std::filesystem::remove_all(directory);
    return measured;
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        std::string_view const name = argv[i];
        if (name == "--dir") {
            options.directory = argv[i + 1];
        } else if (name == "--rounds") {
            options.rounds = std::stoi(argv[i + 1]);
        } else if (name == "--seconds") {
            options.seconds = std::stod(argv[i + 1]);
        }
    }
    return options;
}

}  // namespace

int main(int argc, char** argv) {
    auto const options = parse(argc, argv);
    std::filesystem::create_directories(options.directory);
    fmt::print("events of {} bytes, runs of {}, fdatasync before each answer\n",
               kEventBytes,
               kEventsPerRun);
    fmt::print("{:>10} {:>10} {:>14} {:>14} {:>8}\n",
               "under way",
               "batch",
               "J events/s",
               "Capstan ev/s",
               "ratio");
    for (std::size_t const depth : {1, 4, 16, 64}) {
        std::vector<double> batches, bare, ours, ratios;
        for (int round = 0; round < options.rounds; ++round) {
            auto const [rate, batch] = in_process(options, depth);
            batches.push_back(batch);
            ours.push_back(rate);
            bare.push_back(bare_loop(options, static_cast<std::size_t>(std::lround(batch))));
            ratios.push_back(rate / bare.back());
        }
        fmt::print("{:>10} {:>10.0f} {:>14.0f} {:>14.0f} {:>8.2f}\n",
                   depth * kEventsPerRun,
                   median(batches),
                   median(bare),
                   median(ours),
                   median(ratios));
    }
}
