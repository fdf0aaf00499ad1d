#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <capstan/engine/lmdb.hpp>
#include <cstring>
#include <fstream>
#include <future>
#include <thread>

#include "support/temp_directory.hpp"

namespace capstan::lmdb {
namespace {

namespace fs = std::filesystem;

/// One environment with one table.
struct Fixture {
    test::TempDirectory directory;
    Options options{.directory = directory.path(), .map_bytes = std::size_t{1} << 20};
    std::unique_ptr<Environment> environment;
    std::optional<Table> table;

    Fixture() { open(); }
    void open() {
        environment = Environment::open(options).value();
        table = environment->table("rows").value();
    }
    void put(std::string_view key, std::string_view value) {
        BOOST_TEST_REQUIRE(environment
                               ->write([&](WriteTransaction& write) {
                                   return write.put(*table, as_bytes(key), as_bytes(value));
                               })
                               .has_value());
    }
    std::optional<std::string> get(std::string_view key) {
        auto const read = environment->read();
        auto const found = read.value().get(*table, as_bytes(key)).value();
        return found ? std::optional(std::string(as_text(*found))) : std::nullopt;
    }
    fs::path data_file() const { return directory / "data.mdb"; }
};

void overwrite(fs::path const& path, std::uint64_t at, std::string_view bytes) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    BOOST_TEST_REQUIRE(file.good());
}

void write_anew(fs::path const& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

Errc open_error(Options const& options) {
    auto const opened = Environment::open(options);
    BOOST_TEST_REQUIRE(opened.has_error());
    return opened.error().code;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(lmdb, Fixture)

BOOST_AUTO_TEST_CASE(rows_are_there_after_the_environment_is_opened_again) {
    put("a", "1");
    put("b", "2");
    environment.reset();
    open();
    BOOST_TEST(get("a").value() == "1");
    BOOST_TEST(get("b").value() == "2");
    BOOST_TEST(!get("c").has_value());
}

BOOST_AUTO_TEST_CASE(a_failed_body_changes_nothing) {
    put("a", "1");
    auto const written = environment->write([&](WriteTransaction& write) -> Result<> {
        CAPSTAN_TRY(write.put(*table, as_bytes("a"), as_bytes("2")));
        CAPSTAN_TRY(write.erase(*table, as_bytes("a")));
        return Error{Errc::overloaded, "changed my mind"};
    });
    BOOST_TEST((written.error().code == Errc::overloaded));
    BOOST_TEST(get("a").value() == "1");
}

BOOST_AUTO_TEST_CASE(a_reader_sees_the_state_that_it_began_with) {
    put("a", "1");
    auto const read = environment->read();
    auto const newer = std::async(std::launch::async, [&] {
                           put("a", "2");
                           return get("a").value();
                       }).get();
    BOOST_TEST(newer == "2");
    BOOST_TEST(as_text(*read.value().get(*table, as_bytes("a")).value()) == "1");
}

BOOST_AUTO_TEST_CASE(a_cursor_walks_in_key_order_and_erases_what_it_is_on) {
    for (auto const* key : {"b", "d", "a", "c"}) {
        put(key, key);
    }
    BOOST_TEST_REQUIRE(environment
                           ->write([&](WriteTransaction& write) -> Result<> {
                               CAPSTAN_TRY(auto cursor, write.cursor(*table));
                               CAPSTAN_TRY(auto row, cursor.seek(as_bytes("bb")));
                               BOOST_TEST(as_text(row->key) == "c");
                               return cursor.erase();
                           })
                           .has_value());
    auto const read = environment->read();
    auto cursor = read.value().cursor(*table).value();
    std::string keys;
    for (auto row = cursor.first().value(); row; row = cursor.next().value()) {
        keys += as_text(row->key);
    }
    BOOST_TEST(keys == "abd");
    BOOST_TEST(as_text(cursor.last().value()->key) == "d");
    BOOST_TEST(!cursor.seek(as_bytes("e")).value().has_value());
    BOOST_TEST(read.value().rows(*table).value() == 3u);
}

BOOST_AUTO_TEST_CASE(erasing_a_missing_row_is_no_error) {
    BOOST_TEST(
        environment
            ->write([&](WriteTransaction& write) { return write.erase(*table, as_bytes("a")); })
            .has_value());
}

BOOST_AUTO_TEST_CASE(append_refuses_a_key_that_is_not_behind_all_others) {
    put("b", "2");
    auto const written = environment->write([&](WriteTransaction& write) {
        return write.append(*table, as_bytes("a"), as_bytes("1"));
    });
    BOOST_TEST((written.error().code == Errc::internal));
    BOOST_TEST(!get("a").has_value());
}

BOOST_AUTO_TEST_CASE(F12_a_full_map_grows_and_the_body_runs_again) {
    std::string const value(100'000, 'x');
    auto const map_bytes = environment->usage().map_bytes;
    int runs = 0;
    auto const written = environment->write([&](WriteTransaction& write) -> Result<> {
        ++runs;
        for (int i = 0; i < 50; ++i) {
            CAPSTAN_TRY(write.put(*table, as_bytes(std::to_string(i)), as_bytes(value)));
        }
        return success();
    });
    BOOST_TEST(written.has_value());
    BOOST_TEST(runs > 1);
    BOOST_TEST(environment->usage().map_bytes > map_bytes);
    BOOST_TEST(get("49").value() == value);
}

BOOST_AUTO_TEST_CASE(F12_a_map_at_its_limit_is_storage_full_and_the_rest_goes_on) {
    environment.reset();
    options.map_bytes_max = options.map_bytes;
    open();
    put("a", "1");
    std::string const value(2'000'000, 'x');
    auto const written = environment->write([&](WriteTransaction& write) {
        return write.put(*table, as_bytes("large"), as_bytes(value));
    });
    BOOST_TEST((written.error().code == Errc::storage_full));
    put("b", "2");
    BOOST_TEST(get("a").value() == "1");
    BOOST_TEST(get("b").value() == "2");
}

BOOST_AUTO_TEST_CASE(readers_and_a_growing_map_wait_for_each_other) {
    put("a", "1");
    { auto const read = environment->read(); }  // leaves a reader to be renewed
    std::string const value(4'000'000, 'x');
    put("large", value);
    BOOST_TEST(get("a").value() == "1");
    BOOST_TEST(get("large").value().size() == value.size());
}

BOOST_AUTO_TEST_CASE(readers_in_other_threads_see_whole_commits_while_the_map_grows) {
    auto const put_both = [&](std::string const& value) {
        return environment->write([&](WriteTransaction& write) -> Result<> {
            CAPSTAN_TRY(write.put(*table, as_bytes("one"), as_bytes(value)));
            return write.put(*table, as_bytes("two"), as_bytes(value));
        });
    };
    BOOST_TEST_REQUIRE(put_both("start").has_value());
    std::atomic<bool> done = false;
    std::atomic<int> torn = 0;
    auto const read_until_done = [&] {
        while (!done) {
            auto const read = environment->read();
            auto const one = read.value().get(*table, as_bytes("one")).value().value();
            auto const two = read.value().get(*table, as_bytes("two")).value().value();
            torn += std::ranges::equal(one, two) ? 0 : 1;
        }
    };
    std::thread first(read_until_done);
    std::thread second(read_until_done);
    auto const map_bytes = environment->usage().map_bytes;
    for (std::size_t i = 1; i <= 40; ++i) {
        BOOST_TEST(put_both(std::string(i * 20'000, static_cast<char>('a' + i % 26))).has_value());
    }
    done = true;
    first.join();
    second.join();
    BOOST_TEST(torn == 0);
    BOOST_TEST(environment->usage().map_bytes > map_bytes);
}

BOOST_AUTO_TEST_CASE(releasing_memory_keeps_tables_and_rows) {
    auto const second = environment->table("second").value();
    put("a", "1");
    BOOST_TEST(get("a").value() == "1");
    BOOST_TEST_REQUIRE(environment->release_memory().has_value());
    BOOST_TEST(get("a").value() == "1");
    BOOST_TEST_REQUIRE(environment
                           ->write([&](WriteTransaction& write) {
                               return write.put(second, as_bytes("b"), as_bytes("2"));
                           })
                           .has_value());
    BOOST_TEST(!get("b").has_value());
    BOOST_TEST(environment->read().value().rows(second).value() == 1u);
}

BOOST_AUTO_TEST_CASE(an_environment_that_cannot_be_opened_again_is_closed_not_a_crash) {
    put("a", std::string(50'000, 'x'));
    fs::resize_file(data_file(), 8'192);
    auto const released = environment->release_memory();
    BOOST_TEST((released.error().code == Errc::index_damaged));
    BOOST_TEST((environment->read().error().code == Errc::disk_io));
    BOOST_TEST(
        (environment->write([](WriteTransaction&) -> Result<> { return success(); }).error().code ==
         Errc::disk_io));
    BOOST_TEST(environment->usage().file_bytes == 0u);
}

BOOST_AUTO_TEST_CASE(F13_slots_of_dead_readers_are_cleared) {
    put("a", "1");
    auto const in_use = environment->usage().readers;
    // The child has an environment of its own; nothing that LMDB made is used across the fork.
    auto const child = ::fork();
    if (child == 0) {
        // Leaked on purpose: a process that is killed closes nothing. The directory counts as open
        // in this process too, by inheritance, so it goes by another name.
        auto link = directory.path();
        link += "-child";
        fs::create_directory(link);
        fs::create_hard_link(data_file(), link / "data.mdb");
        fs::create_hard_link(directory / "lock.mdb", link / "lock.mdb");
        auto other = options;
        other.directory = link;
        auto* leaked = Environment::open(other).value().release();
        auto* read = new Result<ReadTransaction>(leaked->read());
        fs::remove_all(link);
        ::_exit(read->has_value() ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    BOOST_TEST_REQUIRE(status == 0);
    BOOST_TEST(environment->reap_readers().value() == 1u);
    BOOST_TEST(environment->reap_readers().value() == 0u);
    BOOST_TEST(environment->usage().readers <= in_use + 1);
}

BOOST_AUTO_TEST_CASE(F12_all_reader_slots_taken_is_overload_and_passes) {
    environment.reset();
    fs::remove(directory / "lock.mdb");  // it keeps the number of slots
    options.readers_max = 1;
    open();
    put("a", "1");
    std::promise<void> began;
    std::promise<void> may_end;
    std::thread reader([&] {
        auto const read = environment->read();
        began.set_value();
        may_end.get_future().wait();
    });
    began.get_future().wait();
    auto const refused = environment->read();
    may_end.set_value();
    reader.join();
    BOOST_TEST((refused.error().code == Errc::overloaded));
    BOOST_TEST(get("a").value() == "1");
}

BOOST_AUTO_TEST_CASE(one_process_opens_a_directory_once) {
    BOOST_TEST((open_error(options) == Errc::internal));
    environment.reset();
    open();
    BOOST_TEST(!get("a").has_value());
}

BOOST_AUTO_TEST_CASE(F11_a_cut_data_file_is_index_damaged_at_every_length) {
    for (int i = 0; i < 200; ++i) {
        put("key" + std::to_string(i), std::string(100, 'v'));
    }
    environment.reset();
    auto const whole = fs::file_size(data_file());
    for (auto const left : {whole - 1,
                            whole / 2,
                            std::uintmax_t{8'192},
                            std::uintmax_t{8'191},
                            std::uintmax_t{4'097},
                            std::uintmax_t{100},
                            std::uintmax_t{1}}) {
        BOOST_TEST_CONTEXT("cut to " << left << " of " << whole) {
            fs::resize_file(data_file(), left);
            BOOST_TEST((open_error(options) == Errc::index_damaged));
        }
    }
}

BOOST_AUTO_TEST_CASE(F11_damaged_meta_pages_are_index_damaged) {
    put("a", "1");
    environment.reset();
    auto const image = [&] {
        std::ifstream file(data_file(), std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(file), {});
    }();
    struct {
        char const* name;
        std::uint64_t at;
        std::string_view bytes;
        Errc expected;
    } const rows[] = {
        {"magic of the first", 16, "XXXX", Errc::index_damaged},
        {"magic of the second", 4'096 + 16, "XXXX", Errc::index_damaged},
        {"page flags", 10, "\x55\x55", Errc::index_damaged},
        {"page size", 40, "\x01\x00\x00\x00", Errc::index_damaged},
        {"page size of the second", 4'096 + 41, "\x20", Errc::index_damaged},
        {"last page", 4'096 + 140, "\x7f", Errc::index_damaged},
        {"version", 20, "\x02", Errc::format_unknown},
    };
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            overwrite(data_file(), 0, image);
            // Which of the two is the newer one depends on the commits so far: damage both.
            overwrite(data_file(), row.at, row.bytes);
            if (std::string_view(row.name) == "last page") {
                overwrite(data_file(), row.at - 4'096, row.bytes);
            }
            BOOST_TEST((open_error(options) == row.expected));
        }
    }
    overwrite(data_file(), 0, image);
    open();
    BOOST_TEST(get("a").value() == "1");
}

/// tests/end_to_end/outbox_lab.test lets the power fail while it is made.
BOOST_AUTO_TEST_CASE(F21_data_file_that_was_never_finished_is_made_anew) {
    environment.reset();
    write_anew(directory / "data.mdb.new", "half of a meta page");
    write_anew(data_file(), "");  // its name came to the disk, and nothing else
    open();
    BOOST_TEST(!fs::exists(directory / "data.mdb.new"));
    put("key", "value");
    environment.reset();
    open();
    BOOST_TEST(get("key").value() == "value");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_database_is_index_damaged) {
    environment.reset();
    std::ofstream(data_file(), std::ios::binary | std::ios::trunc) << std::string(50'000, 'x');
    BOOST_TEST((open_error(options) == Errc::index_damaged));
}

RC_BOOST_PROP(a_table_is_a_sorted_map, ()) {
    test::TempDirectory own;
    auto const store =
        Environment::open({.directory = own.path(), .map_bytes = std::size_t{1} << 16}).value();
    auto const rows = store->table("rows").value();
    std::map<std::string, std::string> expected;
    auto const key = rc::gen::container<std::string>(rc::gen::inRange('a', 'e'));
    auto const batches = *rc::gen::inRange(1, 5);
    for (int batch = 0; batch < batches; ++batch) {
        using Change = std::pair<std::string, rc::Maybe<std::string>>;
        auto const changes = *rc::gen::container<std::vector<Change>>(rc::gen::pair(
            rc::gen::suchThat(key, [](auto const& k) { return !k.empty() && k.size() < 500; }),
            rc::gen::maybe(rc::gen::arbitrary<std::string>())));
        RC_ASSERT(store
                      ->write([&](WriteTransaction& write) -> Result<> {
                          for (auto const& [k, v] : changes) {
                              CAPSTAN_TRY(v ? write.put(rows, as_bytes(k), as_bytes(*v))
                                            : write.erase(rows, as_bytes(k)));
                          }
                          return success();
                      })
                      .has_value());
        for (auto const& [k, v] : changes) {
            if (v) {
                expected[k] = *v;
            } else {
                expected.erase(k);
            }
        }
    }
    std::map<std::string, std::string> found;
    auto const read = store->read();
    auto cursor = read.value().cursor(rows).value();
    for (auto row = cursor.next().value(); row; row = cursor.next().value()) {
        found.emplace(as_text(row->key), as_text(row->value));
    }
    RC_ASSERT(found == expected);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan::lmdb
