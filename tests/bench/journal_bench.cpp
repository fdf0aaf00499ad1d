// How much of a bare loop the file journal keeps: framing, hashing, one write and one flush into a
// file that is written already, against FileJournal::append and flush of the same events. Rounds
// take turns, so that both meet the same disk and the same neighbours.
//
//     journal_bench [DIRECTORY] [--rounds N] [--ms N]
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/engine/os/system_clock.hpp>
#include <capstan/engine/os/system_random.hpp>
#include <capstan/engine/sim/sim_random.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/sequencer/file_journal.hpp>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

using namespace capstan;

namespace {

constexpr std::size_t kEventBytes = 200;
constexpr std::size_t kEvents = 4'096;

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

/// Records of 200 bytes, as random as events are at worst.
std::vector<Bytes> make_events() {
    SimRandom random(1);
    std::vector<Bytes> events(kEvents, Bytes(kEventBytes));
    for (auto& event : events) {
        random.fill(event);
        store(event.data(), std::uint32_t{0x42555343});  // "CSUB"
        store(event.data() + 4, static_cast<std::uint32_t>(kEventBytes));
    }
    return events;
}

struct Bench {
    std::vector<Bytes> events = make_events();
    SystemClock clock;
    SystemRandom random;
    Duration slice{};
};

/// What one slice of time gave.
struct Rate {
    double events_per_second = 0;
    double p50_micros = 0;
};

/// Runs `commit(first event)` until the slice is over.
template <class Commit>
Rate measure(Bench& bench, std::size_t batch, Commit commit) {
    std::vector<double> micros;
    std::size_t at = 0;
    Instant const start = bench.clock.now();
    Instant now = start;
    while (now - start < bench.slice) {
        commit(at);
        at = (at + batch) % kEvents;
        Instant const after = bench.clock.now();
        micros.push_back(std::chrono::duration<double, std::micro>(after - now).count());
        now = after;
    }
    auto const seconds = std::chrono::duration<double>(now - start).count();
    auto const middle = micros.begin() + static_cast<std::ptrdiff_t>(micros.size() / 2);
    std::nth_element(micros.begin(), middle, micros.end());
    return {static_cast<double>(micros.size() * batch) / seconds, *middle};
}

/// The loop that nothing can beat and still be durable: 24 bytes of header and a hash for each
/// event.
class BareLoop {
  public:
    BareLoop(Bench& bench, Storage& storage) : bench_(bench) {
        file_ = must(storage.open("bare", OpenMode::create));
        Bytes const zeros(1 << 20);
        for (std::uint64_t at = 0; at < kFileBytes; at += zeros.size()) {
            must(file_->pwrite(zeros, at));
        }
        must(file_->datasync());
    }

    void commit(std::size_t first, std::size_t batch) {
        buffer_.resize(batch * (kHeaderBytes + kEventBytes));
        auto* at = buffer_.data();
        for (std::size_t i = 0; i < batch; ++i) {
            auto const& event = bench_.events[(first + i) % kEvents];
            store(at, std::uint64_t{kEventBytes});
            store(at + 8, hash64(event));
            store(at + 16, ++count_);
            std::memcpy(at + kHeaderBytes, event.data(), kEventBytes);
            at += kHeaderBytes + kEventBytes;
        }
        if (at_ + buffer_.size() > kFileBytes) {
            at_ = 0;
        }
        must(file_->pwrite(buffer_, at_));
        must(file_->datasync());
        at_ += buffer_.size();
    }

  private:
    static constexpr std::uint64_t kFileBytes = 64 * 1'048'576;
    static constexpr std::size_t kHeaderBytes = 24;
    Bench& bench_;
    std::unique_ptr<File> file_;
    Bytes buffer_;
    std::uint64_t at_ = 0;
    std::uint64_t count_ = 0;
};

/// The journal as its writer thread drives it: spares are made between commits, old segments come
/// back as spares.
class Journaled {
  public:
    Journaled(Bench& bench, Storage& storage) : bench_(bench) {
        auto const ignore = [](StoredSubmission const&) -> Result<Visit> { return Visit::next; };
        journal_ = must(FileJournal::open(storage, bench.random, {}, ignore)).journal;
    }

    void commit(std::size_t first, std::size_t batch) {
        views_.clear();
        for (std::size_t i = 0; i < batch; ++i) {
            views_.push_back(bench_.events[(first + i) % kEvents]);
        }
        auto const appended = must(journal_->append(views_));
        must(journal_->flush());
        if (appended.closed) {
            must(journal_->trim(appended.closed->first));
        }
        if (journal_->spare() == SpareState::urgent) {
            must(journal_->prepare_spare());
        }
    }

  private:
    Bench& bench_;
    std::unique_ptr<FileJournal> journal_;
    std::vector<ByteView> views_;
};

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

void compare(Bench& bench, BareLoop& bare, Journaled& journal, std::size_t batch, int rounds) {
    std::vector<double> ratios;
    std::vector<double> bare_rates;
    std::vector<double> journal_rates;
    std::vector<double> bare_p50;
    std::vector<double> journal_p50;
    for (int round = 0; round < rounds; ++round) {
        auto const loop = measure(bench, batch, [&](std::size_t at) { bare.commit(at, batch); });
        auto const ours = measure(bench, batch, [&](std::size_t at) { journal.commit(at, batch); });
        ratios.push_back(ours.events_per_second / loop.events_per_second);
        bare_rates.push_back(loop.events_per_second);
        journal_rates.push_back(ours.events_per_second);
        bare_p50.push_back(loop.p50_micros);
        journal_p50.push_back(ours.p50_micros);
    }
    auto const [low, high] = std::ranges::minmax(ratios);
    fmt::print("{:>6} {:>12.0f} {:>8.0f} {:>12.0f} {:>8.0f} {:>8.2f} [{:.2f}-{:.2f}]\n",
               batch,
               median(bare_rates),
               median(bare_p50),
               median(journal_rates),
               median(journal_p50),
               median(ratios),
               low,
               high);
}

}  // namespace

int main(int argc, char** argv) {
    std::string parent = ".";
    int rounds = 7;
    int slice_ms = 300;
    for (int i = 1; i < argc; ++i) {
        std::string const word = argv[i];
        if (word == "--rounds" && i + 1 < argc) {
            rounds = std::atoi(argv[++i]);
        } else if (word == "--ms" && i + 1 < argc) {
            slice_ms = std::atoi(argv[++i]);
        } else {
            parent = word;
        }
    }
    Bench bench;
    bench.slice = std::chrono::milliseconds(slice_ms);
    auto const folder = parent + "/journal_bench." + std::to_string(::getpid());
    {
        auto const storage = must(PosixStorage::open_or_create(folder));
        BareLoop bare(bench, *storage);
        Journaled journal(bench, *storage);
        fmt::print("{} B an event; medians of {} rounds of {} ms in turn\n",
                   kEventBytes,
                   rounds,
                   slice_ms);
        fmt::print("{:>6} {:>12} {:>8} {:>12} {:>8} {:>8}\n",
                   "batch",
                   "bare/s",
                   "p50 us",
                   "journal/s",
                   "p50 us",
                   "ratio");
        for (std::size_t const batch : {1, 64, 1'024}) {
            compare(bench, bare, journal, batch, rounds);
        }
    }
    std::filesystem::remove_all(folder);
    return 0;
}
