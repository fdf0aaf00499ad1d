#include "journal_world.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <utility>

namespace capstan::test {

Bytes record_of(std::uint64_t seed, std::size_t bytes) {
    CAPSTAN_INVARIANT(bytes >= 32);
    Bytes record(bytes);
    store(record.data(), std::uint32_t{0x42555343});  // "CSUB"
    store(record.data() + 4, static_cast<std::uint32_t>(bytes));
    SimRandom(seed).fill(std::span(record).subspan(8));
    return record;
}

JournalWorld::JournalWorld() : JournalWorld(std::make_unique<SimStorage>()) {}

JournalWorld::JournalWorld(std::unique_ptr<SimStorage> from) : disk(std::move(from)) {
    options.segment_bytes = kSegmentBytesMin;
    options.lineage = Lineage{7};
}

Result<> JournalWorld::open() {
    journal.reset();
    failed = false;
    auto const start = options.checkpoint ? options.checkpoint->position : Position{};
    recovered.assign(history.begin(), history.begin() + static_cast<std::ptrdiff_t>(start.value));
    auto const tail = [this](StoredSubmission const& stored) -> Result<Visit> {
        CAPSTAN_INVARIANT(stored.position.value == recovered.size() + 1);
        recovered.emplace_back(stored.bytes.begin(), stored.bytes.end());
        return Visit::next;
    };
    CAPSTAN_TRY(auto opened, FileJournal::open(*disk, random, options, tail));
    journal = std::move(opened.journal);
    recovery = std::move(opened.recovery);
    return success();
}

void JournalWorld::reopen() {
    if (auto const opened = open(); !opened) {
        BOOST_FAIL("open: " + text_of(opened.error()));
    }
    check_recovered();
    auto const once = std::exchange(recovered, {});
    // What recovery called durable is, in whatever way the machine dies next; and I18: twice is
    // once.
    disk->crash(lose);
    if (auto const opened = open(); !opened) {
        BOOST_FAIL("open again: " + text_of(opened.error()));
    }
    BOOST_TEST((recovered == once), "the second recovery finds something else");
    history = recovered;
    flushed = Position{history.size()};
    declared = std::min(declared, flushed);
    closed.clear();
    BOOST_TEST((journal->durable() == flushed));
}

void JournalWorld::check_recovered() const {
    BOOST_TEST_REQUIRE(recovered.size() >= flushed.value, "acknowledged submissions are missing");
    BOOST_TEST_REQUIRE(recovered.size() <= history.size(), "there is more than was appended");
    bool const same = std::equal(recovered.begin(), recovered.end(), history.begin());
    BOOST_TEST_REQUIRE(same, "something else was recovered");
}

void JournalWorld::kill() {
    disk->kill();
    close();
}

void JournalWorld::crash(std::function<Fate(PendingOp const&)> const& choose) {
    disk->crash(choose);
    close();
}

void JournalWorld::crash_randomly() {
    disk->crash(random);
    close();
}

Result<Appended> JournalWorld::append(std::vector<std::size_t> const& bytes) {
    std::vector<Bytes> records;
    for (auto const size : bytes) {
        records.push_back(record_of(random.next(), size));
    }
    std::vector<ByteView> const views(records.begin(), records.end());
    auto appended = journal->append(views);
    if (!appended) {
        note(appended.error(), records);
        return appended;
    }
    history.insert(history.end(), records.begin(), records.end());
    BOOST_TEST((appended.value().last == Position{history.size()}));
    if (appended.value().closed) {
        closed.push_back(*appended.value().closed);
        flushed = closed.back().last;
        declared = flushed;
    }
    return appended;
}

void JournalWorld::note(Error const& error, std::vector<Bytes> const& records) {
    bool const refused = error.code == Errc::storage_full || error.code == Errc::overloaded;
    BOOST_TEST((refused || error.code == Errc::storage_failed), text_of(error));
    if (!refused && !failed) {
        // Any part of it may be on disk. What comes after the failure writes nothing.
        history.insert(history.end(), records.begin(), records.end());
        failed = true;
    }
}

Result<> JournalWorld::flush() {
    auto const outcome = journal->flush();
    if (!outcome) {
        note(outcome.error(), {});
        return outcome.error();
    }
    flushed = outcome.value();
    BOOST_TEST((flushed == Position{history.size()}));
    BOOST_TEST((flushed == journal->durable()));
    return success();
}

Result<> JournalWorld::mark_idle() {
    if (auto const outcome = journal->mark_idle(); !outcome) {
        note(outcome.error(), {});
        return outcome;
    }
    flushed = Position{history.size()};
    declared = flushed;
    return success();
}

Appended JournalWorld::commit(std::vector<std::size_t> const& bytes) {
    auto appended = append(bytes);
    if (!appended) {
        BOOST_FAIL("append: " + text_of(appended.error()));
    }
    flush().value();
    return appended.value();
}

ClosedSegment JournalWorld::fill_segment(std::size_t record_bytes) {
    for (;;) {
        auto const appended = commit({record_bytes});
        if (appended.closed) {
            return *appended.closed;
        }
    }
}

void JournalWorld::make_spare() {
    while (journal->spare() != SpareState::ready) {
        journal->prepare_spare().value();
    }
}

std::vector<Bytes> JournalWorld::read_all() {
    auto const first = journal->describe().first;
    auto const from = journal->locate(Position{first.value - 1}).value();
    std::vector<Bytes> all;
    journal
        ->read(from,
               [&](StoredSubmission const& stored) -> Result<Visit> {
                   all.emplace_back(stored.bytes.begin(), stored.bytes.end());
                   return Visit::next;
               })
        .value();
    return all;
}

std::string JournalWorld::name(std::uint64_t segment) const {
    char text[32];
    std::snprintf(text, sizeof text, "segment-%010u", static_cast<unsigned>(segment));
    return text;
}

Bytes JournalWorld::file(std::uint64_t segment) const {
    return disk->contents(name(segment));
}

std::map<std::string, Bytes> JournalWorld::image() const {
    std::map<std::string, Bytes> files;
    auto const names = disk->list().value();
    for (auto const& one : names) {
        files.emplace(one, disk->contents(one));
    }
    return files;
}

Fate lose(PendingOp const&) {
    return Fate::absent();
}

Fate keep(PendingOp const&) {
    return Fate::whole();
}

std::string text_of(Error const& error) {
    return std::string(describe(error.code).name) + ": " + error.detail;
}

}  // namespace capstan::test
