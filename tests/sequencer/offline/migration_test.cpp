// A journal moves to a shared log and back, by a process that is stopped at each of its calls.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/engine/sim/sim_random.hpp>
#include <capstan/schema.hpp>
#include <capstan/sequencer/file_journal.hpp>
#include <capstan/sequencer/memory_log.hpp>
#include <capstan/sequencer/migration.hpp>
#include <capstan/sequencer/rebuild.hpp>
#include <log_sequence.hpp>

#include "../partition_world.hpp"
#include "support/temp_directory.hpp"

namespace capstan::test {
namespace {

constexpr std::size_t kRecords = 60;
ClusterMark const kMark{"production", "kafka-1"};

/// A log whose n-th call fails, and all behind it: its process is about to be killed.
class StoppedLog final : public SharedLog {
  public:
    StoppedLog(std::unique_ptr<SharedLog> inner, std::size_t& left)
        : inner_(std::move(inner)), left_(left) {}
    std::uint64_t handle() const override { return inner_->handle(); }
    Result<> append(Bytes record, std::uint64_t token) override {
        CAPSTAN_TRY(go());
        return inner_->append(std::move(record), token);
    }
    Result<std::size_t> read(std::size_t, LogVisitor const& visit) override {
        CAPSTAN_TRY(go());
        return inner_->read(7, visit);
    }
    Result<LogExtent> extent() override {
        CAPSTAN_TRY(go());
        return inner_->extent();
    }
    void tick() override { inner_->tick(); }
    std::size_t unseen() const override { return inner_->unseen(); }

  private:
    Result<> go() {
        if (left_ == 0) {
            return Error{Errc::cancelled, "stopped here"};
        }
        --left_;
        return success();
    }
    std::unique_ptr<SharedLog> inner_;
    std::size_t& left_;
};

/// A data directory with a journal, and a topic.
struct Move {
    TempDirectory directory;
    std::filesystem::path data = directory / "data";
    MemoryTopic topic;
    SimRandom random{1};
    std::size_t calls_left = SIZE_MAX;

    Move() {
        std::filesystem::create_directories(journal_of(data));
        write_journal(data, kRecords, "event");
    }

    void write_journal(std::filesystem::path const& into, std::size_t records, std::string text) {
        auto const storage = PosixStorage::open(journal_of(into).string()).value();
        auto const opened = FileJournal::open(*storage, random, {}, [](StoredSubmission const&) {
                                return Result<Visit>(Visit::next);
                            }).value();
        auto& journal = *opened.journal;
        append(journal, encode_genesis(journal.lineage(), 0));
        std::vector<Author> authors;
        for (std::uint8_t i = 1; i <= 4; ++i) {
            authors.push_back({.stream = "acme/room/" + std::to_string(i % 2)});
            authors.back().device.bytes[0] = std::byte{i};
        }
        for (std::size_t i = 0; i < records; ++i) {
            auto& author = authors[i % authors.size()];
            append(journal, author.record({text + " " + std::to_string(i), "another"}));
            author.sent(2);
        }
        BOOST_TEST_REQUIRE(journal.mark_idle().has_value());
    }
    static void append(FileJournal& journal, ByteView record) {
        BOOST_TEST_REQUIRE(journal.append({&record, 1}).has_value());
        BOOST_TEST_REQUIRE(journal.flush().has_value());
    }

    MigrationOptions options() {
        return {
            .open_log = [this](LogOffset from, LogWake wake, std::optional<std::uint64_t> handle)
                -> Result<std::unique_ptr<SharedLog>> {
                return std::make_unique<StoppedLog>(
                    std::make_unique<MemoryLog>(topic, from, std::move(wake), handle), calls_left);
            },
            .mark = kMark,
            .patience = std::chrono::seconds(1)};
    }
    Result<MigrationReport> there() { return migrate_to_log(data, options()); }
    Result<MigrationReport> back(std::filesystem::path const& into) {
        return migrate_from_log(into, options(), random);
    }
    std::uint64_t records() const {
        auto const extent = topic.extent();
        return static_cast<std::uint64_t>(extent.end.value - extent.first.value);
    }
    static DataReport check(std::filesystem::path const& directory) {
        auto report = check_data(directory, {.deep = true});
        BOOST_TEST_REQUIRE(report.has_value());
        return std::move(report).value();
    }
};

BOOST_FIXTURE_TEST_SUITE(migration, Move)

BOOST_AUTO_TEST_CASE(all_is_copied_checked_and_switched) {
    auto const before = check(data);
    auto const moved = there();
    BOOST_TEST_REQUIRE(moved.has_value());
    BOOST_TEST(moved.value().switched);
    BOOST_TEST(moved.value().found.value == 0u);
    BOOST_TEST((moved.value().position == before.journal.last));
    BOOST_TEST((moved.value().chain == before.journal.chain));
    BOOST_TEST(moved.value().state_hash == before.state_hash);
    BOOST_TEST(moved.value().events == 2 * kRecords);
    BOOST_TEST(moved.value().streams == 2u);
    BOOST_TEST(records() == kRecords + 2);  // genesis, and the end of the copying
    auto const storage = PosixStorage::open(data.string()).value();
    BOOST_TEST((read_cluster_mark(*storage).value() == kMark));

    auto const again = there();
    BOOST_TEST_REQUIRE(again.has_value());
    BOOST_TEST(again.value().switched);
    BOOST_TEST(again.value().state_hash == before.state_hash);
    BOOST_TEST(records() == kRecords + 2);
}

BOOST_AUTO_TEST_CASE(a_dry_run_says_the_same_and_changes_nothing) {
    auto dry = options();
    dry.dry_run = true;
    auto const planned = migrate_to_log(data, dry);
    BOOST_TEST_REQUIRE(planned.has_value());
    BOOST_TEST(records() == 0u);
    dry.open_log = {};
    auto const without_topic = migrate_to_log(data, dry);
    auto const moved = there();
    BOOST_TEST_REQUIRE(moved.has_value());
    for (auto const& plan : {planned, without_topic}) {
        BOOST_TEST(!plan.value().switched);
        BOOST_TEST(plan.value().state_hash == moved.value().state_hash);
        BOOST_TEST((plan.value().position == moved.value().position));
        BOOST_TEST((plan.value().chain == moved.value().chain));
    }
    dry = options();
    dry.dry_run = true;
    auto const back_dry = migrate_from_log(directory / "back", dry, random);
    BOOST_TEST_REQUIRE(back_dry.has_value());
    BOOST_TEST(back_dry.value().position.value == records());
    BOOST_TEST(!std::filesystem::exists(directory / "back.part"));
}

BOOST_AUTO_TEST_CASE(there_and_back_by_a_process_that_is_stopped_at_each_call) {
    auto const before = check(data);
    std::size_t stops = 0;
    auto const until_done = [&](auto const& move) {
        for (std::size_t calls = 0;; ++calls) {
            calls_left = calls;
            auto const moved = move();
            if (moved) {
                BOOST_TEST(moved.value().switched);
                return moved.value();
            }
            BOOST_TEST_REQUIRE((moved.error().code == Errc::cancelled), to_string(moved.error()));
            ++stops;
        }
    };
    auto const moved = until_done([&] { return there(); });
    BOOST_TEST(stops > 10u);
    BOOST_TEST(moved.state_hash == before.state_hash);
    BOOST_TEST((moved.chain == before.journal.chain));

    stops = 0;
    auto const into = directory / "back";
    auto const returned = until_done([&] { return back(into); });
    BOOST_TEST(stops > 5u);
    BOOST_TEST(returned.state_hash == before.state_hash);
    BOOST_TEST(returned.events == 2 * kRecords);
    auto const after = check(into);
    BOOST_TEST(after.is_sound());
    BOOST_TEST(after.state_hash == before.state_hash);
    BOOST_TEST((after.journal.lineage == before.journal.lineage));
    BOOST_TEST((after.journal.last == before.journal.last.next()));  // the end of the copying
    BOOST_TEST((back(into).error().code == Errc::config_invalid));
}

BOOST_AUTO_TEST_CASE(copies_that_come_again_change_nothing) {
    topic.duplicate_next();
    auto const moved = there();
    BOOST_TEST_REQUIRE(moved.has_value());
    BOOST_TEST(records() == kRecords + 3);
    BOOST_TEST(moved.value().position.value == kRecords + 1);
    auto const returned = back(directory / "back");
    BOOST_TEST_REQUIRE(returned.has_value());
    BOOST_TEST(returned.value().state_hash == moved.value().state_hash);
    BOOST_TEST(returned.value().position.value == kRecords + 2);
}

BOOST_AUTO_TEST_CASE(beside_a_server_the_open_segment_is_left) {
    {
        auto const lock = DataLock::take(data).value();
        auto const moved = there();
        BOOST_TEST_REQUIRE(moved.has_value());
        BOOST_TEST(!moved.value().switched);
        BOOST_TEST(records() == 0u);  // there is one segment
    }
    BOOST_TEST(there().value().switched);
}

BOOST_AUTO_TEST_CASE(a_log_that_holds_something_else_is_left_alone) {
    auto const expect = [&](std::string const& text) {
        auto const before = records();
        auto const refused = there();
        BOOST_TEST_REQUIRE(!refused.has_value());
        BOOST_TEST((refused.error().code == Errc::journal_foreign));
        BOOST_TEST(refused.error().detail.find(text) != std::string::npos, refused.error().detail);
        BOOST_TEST(records() == before);
        auto const storage = PosixStorage::open(data.string()).value();
        BOOST_TEST(!read_cluster_mark(*storage).value().has_value());
    };
    auto const junk = as_bytes("junk");
    topic.append_foreign(Bytes(junk.begin(), junk.end()));
    expect("it is the journal of a cluster already");

    topic.truncate({});
    auto const other = directory / "other";
    std::filesystem::create_directories(journal_of(other));
    write_journal(other, kRecords / 2, "else");
    BOOST_TEST_REQUIRE(migrate_to_log(other, options()).has_value());
    expect("holds another journal");
}

BOOST_AUTO_TEST_CASE(a_log_without_its_beginning_or_without_a_journal_is_no_journal) {
    auto const nothing = back(directory / "back");
    BOOST_TEST_REQUIRE(!nothing.has_value());
    BOOST_TEST((nothing.error().code == Errc::not_found));
    BOOST_TEST(records() == 0u);
    BOOST_TEST_REQUIRE(there().has_value());
    topic.trim(LogOffset{3});
    auto const trimmed = back(directory / "back");
    BOOST_TEST_REQUIRE(!trimmed.has_value());
    BOOST_TEST((trimmed.error().code == Errc::trimmed));
}

// F59
BOOST_AUTO_TEST_CASE(a_log_that_says_nothing_is_unavailable) {
    topic.hold(true);
    auto const refused = there();
    BOOST_TEST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().code == Errc::unavailable));
    topic.hold(false);
    BOOST_TEST(there().value().switched);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace capstan::test
