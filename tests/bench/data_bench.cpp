// What the operators' tools cost: verifying a journal against a bare checksum loop over the same
// files, and making its derived state again. Files are in the page cache: the disk counts for
// neither.
//
//   data_bench [--mib N] [--events-in-run N] [--streams N] [--dir DIRECTORY]
#include <fmt/core.h>

#include <algorithm>
#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/engine/os/system_random.hpp>
#include <capstan/schema.hpp>
#include <capstan/sequencer/data_check.hpp>
#include <capstan/sequencer/file_journal.hpp>
#include <capstan/sequencer/rebuild.hpp>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

namespace {

using namespace capstan;
namespace fs = std::filesystem;

struct Options {
    std::uint64_t mib = 512;
    std::size_t events_in_run = 1;
    std::size_t streams = 1'000;
    fs::path directory = fs::temp_directory_path() / "capstan-data-bench";
};

constexpr std::size_t kEventBytes = 200;
constexpr std::size_t kBatchRuns = 256;
constexpr int kRounds = 5;

template <class T>
T must(Result<T> result) {
    if (!result) {
        fmt::print(stderr, "{}\n", to_string(result.error()));
        std::exit(1);
    }
    if constexpr (!std::is_void_v<T>) {
        return std::move(result).value();
    }
}

double thread_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

template <class Work>
double seconds(Work work) {
    auto const start = thread_seconds();
    work();
    return thread_seconds() - start;
}

/// Runs of one device a stream, round and round.
void write_journal(Options const& options) {
    fs::create_directories(journal_of(options.directory));
    auto const storage = must(PosixStorage::open(journal_of(options.directory).string()));
    SystemRandom random;
    auto opened = must(FileJournal::open(*storage, random, {.lineage = Lineage{7}}, {}));
    auto& journal = *opened.journal;
    auto const genesis = encode_genesis(Lineage{7}, 0);
    ByteView const first = genesis;
    must(journal.append({&first, 1}));
    Bytes const event(kEventBytes, std::byte{'x'});
    std::vector<ByteView> const events(options.events_in_run, event);
    std::vector<std::uint64_t> counters(options.streams, 0);
    DeviceId device;
    store(device.bytes.data(), std::uint64_t{1});
    std::size_t stream = 0;
    for (std::uint64_t bytes = 0; bytes < options.mib << 20;) {
        std::vector<Bytes> records;
        for (std::size_t i = 0; i < kBatchRuns; ++i) {
            auto& counter = counters[stream];
            Link const after{Counter{counter}, Attempt{counter == 0 ? 0U : 1U}};
            auto const run = encode_run(RunHeader{Attempt{1}, after, Seq{0}, 0}, events);
            records.push_back(encode_submission({"acme/room/" + std::to_string(stream),
                                                 "acme/someone",
                                                 {},
                                                 {},
                                                 device,
                                                 WallTime{1}},
                                                RunView::decode(run).value()));
            bytes += records.back().size();
            counter += events.size();
            stream = (stream + 1) % options.streams;
        }
        std::vector<ByteView> const views(records.begin(), records.end());
        must(journal.append(views));
    }
    must(journal.flush());
    must(journal.mark_idle());
}

/// Reads all files and hashes them, in pieces as large as the verifier's.
std::uint64_t bare_loop(fs::path const& directory) {
    auto const storage = must(PosixStorage::open(directory.string()));
    Bytes buffer(256 * 1'024);
    std::uint64_t sum = 0;
    for (auto const& name : must(storage->list())) {
        auto const file = must(storage->open(name, OpenMode::read));
        for (std::uint64_t at = 0;;) {
            auto const got = must(file->pread(buffer, at));
            if (got == 0) {
                break;
            }
            sum ^= hash64(ByteView(buffer).first(got));
            at += got;
        }
    }
    return sum;
}

Options read_options(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        std::string const flag = argv[i];
        auto const number = std::strtoull(argv[i + 1], nullptr, 10);
        if (flag == "--mib") {
            options.mib = number;
        } else if (flag == "--events-in-run") {
            options.events_in_run = number;
        } else if (flag == "--streams") {
            options.streams = number;
        } else if (flag == "--dir") {
            options.directory = argv[i + 1];
        }
    }
    return options;
}

}  // namespace

int main(int argc, char** argv) {
    auto const options = read_options(argc, argv);
    fs::remove_all(options.directory);
    write_journal(options);
    std::uint64_t file_bytes = 0;
    for (auto const& entry : fs::directory_iterator(journal_of(options.directory))) {
        file_bytes += entry.file_size();
    }
    std::uint64_t sum = 0;
    double bare = 1e9;
    double verify = 1e9;
    for (int round = 0; round < kRounds; ++round) {
        bare = std::min(bare, seconds([&] { sum ^= bare_loop(journal_of(options.directory)); }));
        verify = std::min(verify, seconds([&] {
                              auto const report = must(check_data(options.directory, {}));
                              if (!report.is_sound()) {
                                  std::exit(1);
                              }
                          }));
    }
    RebuildReport rebuilt;
    SystemRandom random;
    auto const rebuild =
        seconds([&] { rebuilt = must(rebuild_derived(options.directory, random, {})); });
    fmt::print("{} MiB of files, {} events in runs of {}, {} streams, checksum {:x}\n",
               file_bytes >> 20,
               rebuilt.events,
               options.events_in_run,
               options.streams,
               sum);
    fmt::print("verify   {:.2f} of a bare checksum loop ({:.0f} against {:.0f} MiB/s)\n",
               bare / verify,
               static_cast<double>(file_bytes >> 20) / verify,
               static_cast<double>(file_bytes >> 20) / bare);
    fmt::print("rebuild  {:.0f} events/s of one core ({:.2f} s)\n",
               static_cast<double>(rebuilt.events) / rebuild,
               rebuild);
    fs::remove_all(options.directory);
}
