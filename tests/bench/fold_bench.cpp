// What the fold costs, without journal, index and answers: decoding the record, its checksum and
// the submission chain, the decision, seqs, chain hash and mark. Medians of rounds.
//
//   fold_bench [--rounds N] [--streams N]
#include <algorithm>
#include <bit>
#include <capstan/schema.hpp>
#include <capstan/sequencer/fold.hpp>
#include <capstan/sequencer/fold_hash.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <numeric>
#include <string>
#include <vector>

namespace {

using namespace capstan;

constexpr std::size_t kEventBytes = 200;

struct Options {
    std::size_t rounds = 9;
    std::size_t streams = 1'000'000;
};

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

/// CPU time of the thread: what other work on the machine takes does not count.
double thread_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// Nanoseconds that `work` takes for each of `count`.
template <class Work>
double time_each(std::size_t count, Work work) {
    auto const start = thread_ns();
    work();
    auto const took = thread_ns() - start;
    return took / static_cast<double>(count);
}

std::uint64_t next_random(std::uint64_t& state) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

DeviceId device_of(std::uint64_t number) {
    DeviceId device;
    store(device.bytes.data(), number + 1);
    return device;
}

struct Run {
    std::string stream;
    DeviceId device;
    Link after;
    Seq preceding_seq;
    Generation generation;
    std::uint16_t flags = 0;
    std::size_t events = 1;
};

Bytes record_of(Run const& run) {
    Bytes const event(kEventBytes, std::byte{'x'});
    std::vector<ByteView> const events(run.events, event);
    RunHeader const header{Attempt{1}, run.after, run.preceding_seq, run.flags};
    auto const bytes = encode_run(header, events);
    return encode_submission(
        {run.stream, "acme/someone", run.generation, {}, run.device, WallTime{1}},
        RunView::decode(bytes).value());
}

void expect_accepted(Verdict const& verdict) {
    if (verdict.outcome != Verdict::accepted) {
        std::fprintf(stderr, "%s\n", std::string(to_string(verdict.outcome)).c_str());
        std::exit(1);
    }
}

/// Rows in memory, found by the hash of the stream's name; a stream's last device stands beside it,
/// others in a map. What a lookup costs is not the fold's, so it is made small: two cache misses.
class Rows {
  public:
    explicit Rows(std::size_t streams = 1) : slots_(std::bit_ceil(2 * streams)) {
        cells_.reserve(streams);
        StreamRow stream;
        DeviceRow device;
        auto const record = encode_genesis(lineage(), 0);
        fold({partition_, stream, device}, SubmissionView::decode(record).value(), record);
    }
    static Lineage lineage() { return Lineage{77}; }

    Verdict fold_record(ByteView record) {
        auto const view = SubmissionView::decode(record).value();
        auto& cell = cell_of(view.stream);
        auto& device =
            view.device == cell.device_id ? cell.device : other_device(cell, view.device);
        return fold({partition_, cell.stream, device}, view, record);
    }

    PartitionRow& partition() { return partition_; }
    StreamRow const& stream(std::size_t index) const { return cells_[index].stream; }

  private:
    struct Cell {
        StreamRow stream;
        DeviceId device_id;
        DeviceRow device;
        std::map<DeviceId, DeviceRow> others;
    };
    struct Slot {
        std::uint64_t hash = 0;
        std::size_t cell = 0;
    };

    Cell& cell_of(std::string_view name) {
        auto const hash = hash64(as_bytes(name));
        for (auto at = hash;; ++at) {
            auto& slot = slots_[at & (slots_.size() - 1)];
            if (slot.hash == 0) {
                slot = {hash, cells_.size()};
                cells_.emplace_back();
            }
            if (slot.hash == hash) {
                return cells_[slot.cell];
            }
        }
    }
    static DeviceRow& other_device(Cell& cell, DeviceId const& device) {
        if (cell.device_id == DeviceId{}) {
            cell.device_id = device;
            return cell.device;
        }
        return cell.others[device];
    }

    PartitionRow partition_;
    std::vector<Slot> slots_;
    std::vector<Cell> cells_;
};

/// One device, one stream, runs of 64 events.
double runs_of_one_stream(std::uint16_t flags) {
    constexpr std::size_t kRuns = 2'000;
    constexpr std::size_t kEvents = 64;
    Rows rows;
    auto const generation = generation_of(Rows::lineage(), "acme/room", Edition{1});
    std::vector<Bytes> records;
    for (std::size_t i = 0; i < kRuns; ++i) {
        auto const seq = i * kEvents;
        auto const after = i == 0 ? Link{} : Link{Counter{seq}, Attempt{1}};
        records.push_back(record_of({"acme/room",
                                     device_of(1),
                                     after,
                                     Seq{seq},
                                     i == 0 ? Generation{} : generation,
                                     flags,
                                     kEvents}));
    }
    return time_each(kRuns * kEvents, [&] {
        for (auto const& record : records) {
            expect_accepted(rows.fold_record(record));
        }
    });
}

std::string name_of(std::size_t stream) {
    return "acme/room/" + std::to_string(stream);
}

/// Single events, each of a stream drawn among `count`; every stream exists. Drawn without
/// repetition within a round, so that a round's records can be made before it is timed.
class RandomStreams {
  public:
    explicit RandomStreams(std::size_t count) : count_(count), published_(count), rows_(count) {
        for (std::size_t stream = 0; stream < count; ++stream) {
            expect_accepted(rows_.fold_record(record(stream, 0)));
            published_[stream] = 1;
        }
    }

    /// Records are folded soon after they were made, as a partition folds what it has just read.
    double round(std::uint16_t flags) {
        constexpr std::size_t kBatches = 400;
        constexpr std::size_t kBatch = 256;
        std::vector<double> times;
        std::vector<Bytes> records(kBatch);
        for (std::size_t i = 0; i < kBatches; ++i) {
            for (auto& each : records) {
                each = next_record(flags);
            }
            times.push_back(time_each(kBatch, [&] {
                for (auto const& each : records) {
                    expect_accepted(rows_.fold_record(each));
                }
            }));
        }
        return median(times);
    }

    /// Settling the hash of a changed stream row, drawn at random.
    double hash_each_row() {
        constexpr std::size_t kRows = 50'000;
        return time_each(kRows, [&] {
            for (std::size_t i = 0; i < kRows; ++i) {
                auto const stream = static_cast<std::size_t>(next_random(random_) % count_);
                rows_.partition().state_hash += row_hash(rows_.stream(stream));
            }
        });
    }

  private:
    Bytes next_record(std::uint16_t flags) {
        auto const stream = static_cast<std::size_t>(next_random(random_) % count_);
        auto made = record(stream, flags);
        ++published_[stream];
        return made;
    }

    Bytes record(std::size_t stream, std::uint16_t flags) const {
        auto const name = name_of(stream);
        auto const n = published_[stream];
        auto const after = n == 0 ? Link{} : Link{Counter{n}, Attempt{1}};
        auto const generation =
            n == 0 ? Generation{} : generation_of(Rows::lineage(), name, Edition{1});
        return record_of({name, device_of(stream), after, Seq{n}, generation, flags, 1});
    }

    std::size_t count_;
    std::vector<std::uint64_t> published_;
    Rows rows_;
    std::uint64_t random_ = 88172645463325252;
};

/// Single needs-window events of one stream, by `members` devices in turn.
double members_in_turn(std::size_t members) {
    auto const rounds = 40'000 / members + 2;
    Rows rows;
    auto const wide = encode_fold_policy("acme/room", "acme/x", {256, 1U << 20, 1U << 20});
    rows.fold_record(encode_create("acme/room", "acme/x"));
    rows.fold_record(wide);
    auto const generation = generation_of(Rows::lineage(), "acme/room", Edition{1});
    std::vector<Bytes> records;
    std::uint64_t head = 0;
    for (std::uint64_t round = 0; round < rounds; ++round) {
        for (std::size_t device = 0; device < members; ++device) {
            auto const after = round == 0 ? Link{} : Link{Counter{round}, Attempt{1}};
            records.push_back(record_of({"acme/room",
                                         device_of(device),
                                         after,
                                         Seq{head},
                                         generation,
                                         RunFlags::needs_window,
                                         1}));
            ++head;
        }
    }
    return time_each(records.size(), [&] {
        for (auto const& record : records) {
            expect_accepted(rows.fold_record(record));
        }
    });
}

/// One load that waits for the one before it, anywhere in as much memory as the rows take: the unit
/// that random access is paid in on this machine, at this moment.
double random_load(std::size_t streams) {
    std::vector<std::uint32_t> next(std::max<std::size_t>(streams, 2) * 64);
    std::iota(next.begin(), next.end(), 0);
    std::uint64_t random = 1;
    for (auto i = next.size() - 1; i > 0; --i) {  // one cycle through all (Sattolo)
        std::swap(next[i], next[next_random(random) % i]);
    }
    constexpr std::size_t kLoads = 200'000;
    std::uint32_t at = 0;
    auto const each = time_each(kLoads, [&] {
        for (std::size_t i = 0; i < kLoads; ++i) {
            at = next[at];
        }
    });
    return at == next.size() ? 0 : each;
}

template <class Measure>
void report(char const* what, std::size_t rounds, double bar, Measure measure) {
    std::vector<double> values;
    for (std::size_t i = 0; i < rounds; ++i) {
        values.push_back(measure());
    }
    std::printf("%-64s %7.1f ns", what, median(values));
    std::printf(bar > 0 ? "   bar %.0f\n" : "\n", bar);
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        auto const value = std::strtoull(argv[i + 1], nullptr, 10);
        (std::strcmp(argv[i], "--streams") == 0 ? options.streams : options.rounds) = value;
    }
    return options;
}

}  // namespace

int main(int argc, char** argv) {
    auto const options = parse(argc, argv);
    auto const rounds = options.rounds;
    std::printf("events of %zu bytes, medians of %zu rounds\n", kEventBytes, rounds);
    report(
        "an event in runs of 64 of one stream", rounds, 100, [] { return runs_of_one_stream(0); });
    report("the same, needs-window", rounds, 100, [] {
        return runs_of_one_stream(RunFlags::needs_window);
    });
    RandomStreams streams(options.streams);
    report("a single event, its stream drawn at random", rounds, 500, [&] {
        return streams.round(0);
    });
    report("the same, needs-window", rounds, 500, [&] {
        return streams.round(RunFlags::needs_window);
    });
    report("settling a changed stream's hash", rounds, 0, [&] { return streams.hash_each_row(); });
    report("for comparison: one random load from memory of this size", 3, 0, [&] {
        return random_load(options.streams);
    });
    for (std::size_t const members : {1, 100, 10'000}) {
        auto const what = "a needs-window event, members of its stream: " + std::to_string(members);
        report(what.c_str(), rounds, 500, [&] { return members_in_turn(members); });
    }
    return 0;
}
