#include <atomic>
#include <boost/test/unit_test.hpp>
#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/engine/os/system_random.hpp>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "journal_world.hpp"

using namespace capstan;
using namespace capstan::test;

namespace {

/// A journal on a real disk.
struct Disk {
    Disk() {
        std::string pattern = std::filesystem::temp_directory_path() / "capstan-XXXXXX";
        path = ::mkdtemp(pattern.data());
        storage = std::move(PosixStorage::open(path).value());
    }
    ~Disk() { std::filesystem::remove_all(path); }

    OpenedJournal open(SubmissionVisitor const& tail) {
        JournalOptions options;
        options.segment_bytes = kSegmentBytesMin;
        options.descriptors_max = 2;
        return std::move(FileJournal::open(*storage, random, options, tail).value());
    }

    std::string path;
    std::unique_ptr<PosixStorage> storage;
    SystemRandom random;
};

void commit(FileJournal& journal, std::vector<Bytes>& history, std::size_t count) {
    std::vector<Bytes> records;
    for (std::size_t i = 0; i < count; ++i) {
        auto const seed = history.size() + i + 1;
        records.push_back(record_of(seed, 32 + seed * 37 % 3'000));
    }
    std::vector<ByteView> const views(records.begin(), records.end());
    journal.append(views).value();
    journal.flush().value();
    history.insert(history.end(), records.begin(), records.end());
}

Result<Visit> ignore(StoredSubmission const&) {
    return Visit::next;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(journal_on_a_real_disk)

BOOST_AUTO_TEST_CASE(what_is_committed_is_there_after_reopening) {
    Disk disk;
    std::vector<Bytes> history;
    {
        auto opened = disk.open(ignore);
        for (std::size_t i = 0; i < 40; ++i) {
            commit(*opened.journal, history, 1 + i % 5);
            opened.journal->prepare_spare().value();
        }
        opened.journal->seal(SegmentNumber{1}, record_of(1, 5'000)).value();
        opened.journal->mark_idle().value();
    }
    std::vector<Bytes> recovered;
    auto const opened = disk.open([&](StoredSubmission const& stored) -> Result<Visit> {
        recovered.emplace_back(stored.bytes.begin(), stored.bytes.end());
        return Visit::next;
    });
    BOOST_TEST((recovered == history));
    BOOST_TEST(opened.recovery.bytes_cut == 0U);
    BOOST_TEST(verify_journal(*disk.storage).value().is_sound());
}

// For the thread sanitizer: the contract of <capstan/sequencer/journal.hpp> about threads.
BOOST_AUTO_TEST_CASE(readers_follow_a_writer_that_rolls_seals_and_trims) {
    Disk disk;
    auto opened = disk.open(ignore);
    auto& journal = *opened.journal;
    std::vector<Bytes> history;
    std::atomic<bool> done{false};

    auto const follow = [&](std::uint64_t& count, bool& sound) {
        auto place = opened.recovery.end;
        auto const check = [&](StoredSubmission const& stored) -> Result<Visit> {
            auto const seed = stored.position.value;
            auto const expected = record_of(seed, 32 + seed * 37 % 3'000);
            sound = sound && std::ranges::equal(stored.bytes, expected);
            Bytes again(stored.bytes.size());
            auto const got = journal.pread(stored.segment, stored.offset, again);
            sound = sound && (!got || again == expected);
            ++count;
            return Visit::next;
        };
        for (bool last = false; !last;) {
            last = done.load();
            auto const read = journal.read(place, check);
            if (read) {
                place = read.value();
            } else if (read.error().code == Errc::trimmed) {
                // Too slow: on to the end, as far as that is still there.
                if (auto const end = journal.locate(journal.durable())) {
                    place = end.value();
                }
            } else {
                sound = false;
                return;
            }
        }
    };
    std::uint64_t counts[2] = {};
    bool sounds[2] = {true, true};
    std::thread first([&] { follow(counts[0], sounds[0]); });
    std::thread second([&] { follow(counts[1], sounds[1]); });
    for (std::size_t i = 0; i < 150; ++i) {
        commit(journal, history, 1 + i % 7);
        journal.prepare_spare().value();
        auto const open_segment = journal.describe().open_segment;
        if (i % 10 == 0 && open_segment > SegmentNumber{1}) {
            journal.seal(open_segment.before(), record_of(1, 500)).value();
        }
        if (i % 50 == 49) {
            journal.trim(Position{history.size() / 2}).value();
        }
    }
    done = true;
    first.join();
    second.join();
    for (int reader = 0; reader < 2; ++reader) {
        BOOST_TEST(sounds[reader]);
        BOOST_TEST(counts[reader] > 0U);
        BOOST_TEST(counts[reader] <= history.size());
    }
}

BOOST_AUTO_TEST_SUITE_END()
