// The index alone: adding runs, making footers, finding and scanning, recovering; and checkpoints
// of many rows in LMDB.
//
//   index_bench [--dir DIR] [--streams N]
#include <fmt/core.h>

#include <capstan/engine/sim/sim_random.hpp>
#include <capstan/sequencer/index.hpp>
#include <capstan/sequencer/lmdb_checkpoint_store.hpp>
#include <capstan/sequencer/memory_checkpoint_store.hpp>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace {

using namespace capstan;

constexpr std::uint32_t kRunsInSegment = 190'000;  // of one 200-byte event each, in 64 MiB
constexpr std::uint32_t kRunBytes = 264;
constexpr std::uint32_t kRecordBytes = 340;

double seconds_on(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

/// Processor time: what waits for nothing, on a machine that may have other work.
template <class Body>
double cpu_seconds_of(Body const& body) {
    auto const start = seconds_on(CLOCK_PROCESS_CPUTIME_ID);
    body();
    return seconds_on(CLOCK_PROCESS_CPUTIME_ID) - start;
}

template <class Body>
double seconds_of(Body const& body) {
    auto const start = seconds_on(CLOCK_MONOTONIC);
    body();
    return seconds_on(CLOCK_MONOTONIC) - start;
}

/// Memory that is neither file nor shared, from /proc, in MiB.
double anonymous_mib() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("RssAnon:")) {
            return std::stod(line.substr(8)) / 1'024;
        }
    }
    return 0;
}

/// Footers in memory: what a warm page cache costs less a system call.
class Segments final : public SegmentReader {
  public:
    Result<> read(SegmentNumber segment, Offset offset, std::span<std::byte> into) const override {
        auto const& footer = footers.at(segment);
        std::copy_n(
            footer.begin() + static_cast<std::ptrdiff_t>(offset.value), into.size(), into.begin());
        return success();
    }
    Result<FooterPlace> footer(SegmentNumber segment) const override {
        return FooterPlace{Offset{0}, footers.at(segment).size()};
    }
    std::map<SegmentNumber, Bytes> footers;
};

/// A history of runs of one event, each of a stream drawn at random.
class History {
  public:
    explicit History(std::uint32_t streams) : heads_(streams + 1) {}

    RunEntry next() {
        auto const stream = static_cast<std::uint32_t>(1 + random_.below(heads_.size() - 1));
        position_ = position_.next();
        auto& head = heads_[stream];
        head = head.next();
        RunEntry run;
        run.stream = StreamNumber{stream};
        run.first = head;
        run.count = 1;
        run.place = {segment, Offset{offset_}, kRunBytes, 76};
        run.position = position_;
        run.device.bytes[0] = static_cast<std::byte>(stream);
        run.attempt = Attempt::of(1, stream);
        run.first_counter = Counter{head.value};
        run.mark = Seq{head.value > 256 ? head.value - 256 : 0};
        run.chain = Hash128{random_.next(), random_.next()};
        offset_ += kRecordBytes;
        return run;
    }
    void next_segment() {
        segment = segment.next();
        offset_ = 4'096;
    }
    Seq head(std::uint32_t stream) const { return heads_[stream]; }
    Position position() const { return position_; }

    SegmentNumber segment{1};

  private:
    SimRandom random_{7};
    std::vector<Seq> heads_;
    Position position_;
    std::uint64_t offset_ = 4'096;
};

void commit(Index& index, History const& history, CheckpointStore& store) {
    CheckpointBatch batch;
    batch.checkpoint.position = history.position();
    batch.index = index.take_delta();
    store.commit(batch).value();
    index.committed(history.position(), batch.index.retired);
}

/// Reads streams from their start to their end, as many as make a long enough measurement.
double scan(Index& index, std::uint32_t streams) {
    std::vector<RunEntry> runs;
    std::size_t total = 0;
    auto const seconds = cpu_seconds_of([&] {
        for (std::uint32_t stream = 1; stream <= std::min(streams, 2'000u); ++stream) {
            RunCursor cursor{StreamNumber{stream}, Seq{1}};
            do {
                runs.clear();
                index.read(cursor, {}, runs).value();
                total += runs.size();
            } while (!runs.empty());
        }
    });
    return static_cast<double>(total) / seconds / 1e6;
}

double find(Index& index, History const& history, std::uint32_t streams) {
    SimRandom random(3);
    constexpr int kFinds = 20'000;
    auto const seconds = cpu_seconds_of([&] {
        for (int i = 0; i < kFinds; ++i) {
            auto const stream = static_cast<std::uint32_t>(1 + random.below(streams));
            if (auto const head = history.head(stream).value; head != 0) {
                index.find(StreamNumber{stream}, Seq{1 + random.below(head)}).value();
            }
        }
    });
    return seconds / kFinds * 1e6;
}

void bench_index(std::uint32_t streams, std::uint32_t segments) {
    MemoryCheckpointStore store;
    Segments files;
    Index index(store, files);
    History history(streams);
    double add = 0;
    double seal = 0;
    std::size_t footer_bytes = 0;
    for (std::uint32_t segment = 1; segment <= segments; ++segment) {
        std::vector<RunEntry> runs;
        runs.reserve(kRunsInSegment);
        for (std::uint32_t i = 0; i < kRunsInSegment; ++i) {
            runs.push_back(history.next());
        }
        add += cpu_seconds_of([&] {
            for (auto const& run : runs) {
                index.add(run);
            }
        });
        history.next_segment();
        if (segment == 1) {
            runs = {};
            commit(index, history, store);
            auto const memory = anonymous_mib();
            Index again(store, files);
            auto const recover = cpu_seconds_of([&] { again.recover().value(); });
            fmt::print(
                "{:>9} streams: recover an open segment {:6.1f} ms, memory {:5.1f} MiB; "
                "scan {:5.1f} M runs/s, find {:5.2f} us\n",
                streams,
                recover * 1e3,
                anonymous_mib() - memory,
                scan(again, streams),
                find(again, history, streams));
        }
        seal += cpu_seconds_of([&] {
            auto sealed = index.seal(SegmentNumber{segment}).run().value();
            footer_bytes += sealed.footer.size();
            files.footers[sealed.number] = sealed.footer;
            index.sealed(std::move(sealed));
        });
        commit(index, history, store);
    }
    auto const runs = static_cast<double>(segments) * kRunsInSegment;
    fmt::print(
        "{:>9} streams, {} segments: add {:4.0f} ns/run, footer {:5.1f} ms, {:4.1f} B/run; "
        "scan {:5.1f} M runs/s, find {:5.2f} us\n",
        streams,
        segments,
        add / runs * 1e9,
        seal / segments * 1e3,
        static_cast<double>(footer_bytes) / runs,
        scan(index, streams),
        find(index, history, streams));
}

std::string name_of(std::uint32_t stream) {
    return fmt::format("tenant/room/{:x}/chat", stream * 2'654'435'761u);
}

CheckpointBatch rows(std::span<std::uint32_t const> streams, std::uint64_t& position) {
    CheckpointBatch batch;
    for (auto const stream : streams) {
        ++position;
        batch.streams.push_back(
            {StreamNumber{stream}, name_of(stream), Position{position}, Bytes(120, std::byte{1})});
        DeviceId device;
        device.bytes[0] = static_cast<std::byte>(stream);
        batch.devices.push_back({StreamNumber{stream}, device, Bytes(60, std::byte{2})});
    }
    batch.checkpoint.position = Position{position};
    return batch;
}

void bench_checkpoints(std::filesystem::path const& directory, std::uint32_t streams) {
    std::filesystem::remove_all(directory);
    LmdbCheckpointStoreOptions const options{.directory = directory};
    auto store = LmdbCheckpointStore::open(options).value();
    std::uint64_t position = 0;
    constexpr std::uint32_t kBatch = 100'000;
    auto const create = seconds_of([&] {
        for (std::uint32_t start = 1; start <= streams; start += kBatch) {
            std::vector<std::uint32_t> numbers;
            for (auto i = start; i < start + kBatch && i <= streams; ++i) {
                numbers.push_back(i);
            }
            store->commit(rows(numbers, position)).value();
        }
    });
    fmt::print(
        "{} streams: created in {:.2f} s, {:.0f} MiB, {:.0f} B a stream with one device, "
        "RssAnon {:.0f} MiB\n",
        streams,
        create,
        static_cast<double>(store->file_bytes()) / 1'048'576,
        static_cast<double>(store->file_bytes()) / streams,
        anonymous_mib());
    SimRandom random(11);
    for (std::uint32_t const dirty : {1'000u, 10'000u, 100'000u, 100'000u}) {
        std::map<std::uint32_t, bool> drawn;
        while (drawn.size() < std::min(dirty, streams)) {
            drawn[static_cast<std::uint32_t>(1 + random.below(streams))] = true;
        }
        std::vector<std::uint32_t> numbers;
        for (auto const& [number, yes] : drawn) {
            numbers.push_back(number);
        }
        auto const batch = rows(numbers, position);
        auto const seconds = seconds_of([&] { store->commit(batch).value(); });
        fmt::print(
            "  commit of {:>6} random dirty streams and devices: {:7.1f} ms, {:5.1f} us each\n",
            numbers.size(),
            seconds * 1e3,
            seconds / static_cast<double>(numbers.size()) * 1e6);
    }
    constexpr int kLoads = 100'000;
    auto const load = seconds_of([&] {
        for (int i = 0; i < kLoads; ++i) {
            store->stream(name_of(static_cast<std::uint32_t>(1 + random.below(streams)))).value();
        }
    });
    fmt::print("  load of a random row by name: {:.2f} us\n", load / kLoads * 1e6);
    store.reset();
    auto const open = seconds_of([&] {
        store = LmdbCheckpointStore::open(options).value();
        store->load().value();
        store->runs().value();
    });
    fmt::print("  open and load the checkpoint: {:.2f} ms\n", open * 1e3);
    store.reset();
    std::filesystem::remove_all(directory);
}

}  // namespace

int main(int argc, char** argv) {
    std::filesystem::path directory = "build/bench";
    std::uint32_t streams = 1'000'000;
    for (int i = 1; i + 1 < argc; i += 2) {
        std::string_view const option = argv[i];
        if (option == "--dir") {
            directory = argv[i + 1];
        } else if (option == "--streams") {
            streams = static_cast<std::uint32_t>(std::stoul(argv[i + 1]));
        }
    }
    fmt::print("{} runs of one event to a segment\n", kRunsInSegment);
    bench_checkpoints(directory / "index-bench", streams);
    bench_index(1, 5);
    bench_index(10'000, 5);
    bench_index(streams, 5);
}
