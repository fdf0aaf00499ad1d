#include <boost/test/unit_test.hpp>
#include <capstan/engine/sim/sim_random.hpp>
#include <capstan/engine/sim/sim_storage.hpp>
#include <set>
#include <string>

using namespace capstan;

namespace {

std::unique_ptr<File> make(Storage& storage, std::string_view name) {
    return std::move(storage.open(name, OpenMode::create).value());
}
void write(File& file, std::string_view text, std::uint64_t at = 0) {
    file.pwrite(as_bytes(text), at).value();
}
std::string text_of(SimStorage const& storage, std::string_view name) {
    return std::string(as_text(storage.contents(name)));
}
Fate lose(PendingOp const&) {
    return Fate::absent();
}
Fate keep(PendingOp const&) {
    return Fate::whole();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(simulated_storage)

BOOST_AUTO_TEST_CASE(what_was_flushed_survives_what_was_not_may_not) {
    SimStorage storage;
    auto file = make(storage, "a");
    write(*file, "flushed");
    file->datasync().value();
    storage.sync().value();
    write(*file, "FLUSHED and more");
    storage.crash(lose);
    BOOST_TEST(text_of(storage, "a") == "flushed");
}

BOOST_AUTO_TEST_CASE(a_kill_loses_nothing_but_a_later_crash_still_may) {
    SimStorage storage;
    auto file = make(storage, "a");
    storage.sync().value();
    write(*file, "cached");
    storage.kill();
    BOOST_TEST(text_of(storage, "a") == "cached");
    BOOST_TEST((file->pwrite(as_bytes("late"), 0).error().code == Errc::disk_io));
    storage.crash(lose);
    BOOST_TEST(text_of(storage, "a").empty());
}

BOOST_AUTO_TEST_CASE(F10_an_entry_without_a_directory_sync_may_be_missing) {
    SimStorage storage;
    auto file = make(storage, "a");
    write(*file, "contents");
    file->datasync().value();
    storage.crash(lose);
    BOOST_TEST(storage.list().value().empty());
}

BOOST_AUTO_TEST_CASE(a_rename_is_seen_early_or_late) {
    auto const world = [] {
        auto storage = std::make_unique<SimStorage>();
        auto file = make(*storage, "old");
        write(*file, "x");
        file->datasync().value();
        storage->sync().value();
        storage->rename("old", "new").value();
        return storage;
    };
    auto early = world();
    early->crash(keep);
    BOOST_TEST(early->list().value() == std::vector<std::string>{"new"});
    auto late = world();
    late->crash(lose);
    BOOST_TEST(late->list().value() == std::vector<std::string>{"old"});
}

BOOST_AUTO_TEST_CASE(F3_a_write_is_torn_at_aligned_units) {
    SimStorage storage;
    auto file = make(storage, "a");
    write(*file, std::string(2'048, 'o'));
    file->datasync().value();
    storage.sync().value();
    write(*file, std::string(1'536, 'n'), 256);
    storage.crash([](PendingOp const&) { return Fate::torn(0b0101, 512); });
    BOOST_TEST(text_of(storage, "a") == std::string(256, 'o') + std::string(256, 'n') +
                                            std::string(512, 'o') + std::string(512, 'n') +
                                            std::string(512, 'o'));
}

BOOST_AUTO_TEST_CASE(size_may_reach_the_disk_before_the_bytes_and_the_other_way_round) {
    for (bool const size_first : {true, false}) {
        SimStorage storage;
        auto file = make(storage, "a");
        storage.sync().value();
        write(*file, "bytes");
        storage.crash([&](PendingOp const& op) {
            return (op.kind == PendingOp::Kind::resize) == size_first ? Fate::whole()
                                                                      : Fate::absent();
        });
        BOOST_TEST(text_of(storage, "a") == (size_first ? std::string(5, '\0') : ""));
    }
}

BOOST_AUTO_TEST_CASE(a_random_crash_reaches_every_combination_of_two_writes) {
    std::set<std::string> seen;
    SimRandom random(1);
    for (int i = 0; i < 200; ++i) {
        SimStorage storage;
        auto file = make(storage, "a");
        write(*file, "..");
        file->datasync().value();
        storage.sync().value();
        write(*file, "1", 0);
        write(*file, "2", 1);
        storage.crash(random);
        seen.insert(text_of(storage, "a"));
    }
    BOOST_TEST(seen.size() == 4U);
}

BOOST_AUTO_TEST_CASE(the_nth_call_fails_once_and_a_failed_write_wrote_half) {
    SimStorage storage;
    auto file = make(storage, "a");
    storage.fail_call(1, Errc::disk_io);
    write(*file, "1234");
    BOOST_TEST((file->pwrite(as_bytes("abcd"), 0).error().code == Errc::disk_io));
    BOOST_TEST(text_of(storage, "a") == "ab34");
    write(*file, "next");
    BOOST_TEST(storage.heal());
    BOOST_TEST(!storage.heal());
}

BOOST_AUTO_TEST_CASE(F6_a_failed_sync_may_leave_clean_pages_that_are_on_no_disk) {
    SimStorage storage;
    storage.set_failed_sync_cleans(true);
    auto file = make(storage, "a");
    file->allocate(4).value();
    file->datasync().value();
    storage.sync().value();
    write(*file, "gone");
    storage.fail_call(0, Errc::disk_io);
    BOOST_TEST(!file->datasync());
    BOOST_TEST(file->datasync().has_value());
    BOOST_TEST(text_of(storage, "a") == "gone");
    storage.crash(keep);
    BOOST_TEST(text_of(storage, "a") == std::string(4, '\0'));
}

BOOST_AUTO_TEST_CASE(F8_a_full_disk_refuses_what_grows_and_takes_what_is_allocated) {
    SimStorage storage;
    storage.set_capacity(8);
    auto file = make(storage, "a");
    file->allocate(8).value();
    write(*file, "12345678");
    BOOST_TEST((file->pwrite(as_bytes("9"), 8).error().code == Errc::storage_full));
    BOOST_TEST(storage.free_bytes().value() == 0U);
    storage.remove("a").value();
    BOOST_TEST(storage.free_bytes().value() == 8U);
}

BOOST_AUTO_TEST_CASE(F14_a_lock_has_one_holder_and_dies_with_it) {
    SimStorage storage;
    auto lock = std::move(storage.lock("lock").value());
    BOOST_TEST((storage.lock("lock").error().code == Errc::journal_locked));
    BOOST_TEST(storage.lock_holder("lock").value().has_value());
    lock.reset();
    BOOST_TEST(!storage.lock_holder("lock").value().has_value());
    lock = std::move(storage.lock("lock").value());
    storage.kill();
    BOOST_TEST(storage.lock("lock").has_value());
}

BOOST_AUTO_TEST_CASE(a_fork_goes_its_own_way) {
    SimStorage storage;
    auto file = make(storage, "a");
    storage.sync().value();
    write(*file, "before");
    auto fork = storage.fork();
    write(*file, "AFTER!");
    fork->crash(keep);
    BOOST_TEST(text_of(*fork, "a") == "before");
    BOOST_TEST(text_of(storage, "a") == "AFTER!");
    auto again = storage.fork();
    again->crash(lose);
    BOOST_TEST(text_of(*again, "a").empty());
}

BOOST_AUTO_TEST_CASE(F5_a_flipped_bit_is_on_the_disk_and_in_the_cache) {
    SimStorage storage;
    storage.put("a", as_bytes("a"));
    storage.flip_bit("a", 1);
    BOOST_TEST(text_of(storage, "a") == "c");
    storage.crash(lose);
    BOOST_TEST(text_of(storage, "a") == "c");
}

BOOST_AUTO_TEST_SUITE_END()
