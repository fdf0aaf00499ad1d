#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <capstan/engine/os/posix_storage.hpp>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "../../../engine/src/os/posix_calls.hpp"

using namespace capstan;

namespace {

/// A directory that goes when the test does.
struct Folder {
    Folder() {
        std::string pattern = std::filesystem::temp_directory_path() / "capstan-XXXXXX";
        path = ::mkdtemp(pattern.data());
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string path;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(posix_storage)

BOOST_AUTO_TEST_CASE(files_are_made_written_read_renamed_and_removed) {
    Folder folder;
    auto storage = std::move(PosixStorage::open_or_create(folder.path + "/new").value());
    auto file = std::move(storage->open("a", OpenMode::create).value());
    file->pwrite(as_bytes("hello"), 3).value();
    file->datasync().value();
    BOOST_TEST(file->size().value() == 8U);
    std::array<std::byte, 16> into{};
    BOOST_TEST(file->pread(into, 3).value() == 5U);
    BOOST_TEST(as_text(ByteView(into).first(5)) == "hello");
    file->allocate(4'096).value();
    BOOST_TEST(file->size().value() == 4'096U);
    file->truncate(2).value();
    BOOST_TEST(file->size().value() == 2U);
    storage->rename("a", "b").value();
    storage->sync().value();
    BOOST_TEST(storage->list().value() == std::vector<std::string>{"b"});
    storage->remove("b").value();
    BOOST_TEST(storage->list().value().empty());
    BOOST_TEST(storage->free_bytes().value() > 0U);
}

BOOST_AUTO_TEST_CASE(each_error_names_the_file_and_its_cause) {
    Folder folder;
    auto storage = std::move(PosixStorage::open(folder.path).value());
    auto const missing = storage->open("a", OpenMode::write).error();
    BOOST_TEST((missing.code == Errc::not_found));
    BOOST_TEST(missing.detail == folder.path + "/a: open: No such file or directory");
    storage->open("a", OpenMode::create).value();
    BOOST_TEST((storage->open("a", OpenMode::create).error().code == Errc::disk_io));
    BOOST_TEST((PosixStorage::open(folder.path + "/none").error().code == Errc::not_found));
    auto read_only = std::move(storage->open("a", OpenMode::read).value());
    BOOST_TEST((read_only->pwrite(as_bytes("x"), 0).error().code == Errc::disk_io));
}

BOOST_AUTO_TEST_CASE(F14_the_second_process_is_told_who_holds_the_lock) {
    Folder folder;
    auto first = std::move(PosixStorage::open(folder.path).value());
    auto second = std::move(PosixStorage::open(folder.path).value());
    BOOST_TEST(!first->lock_holder("lock").value().has_value());
    auto lock = std::move(first->lock("lock").value());
    auto const refused = second->lock("lock").error();
    BOOST_TEST((refused.code == Errc::journal_locked));
    BOOST_TEST(refused.detail ==
               folder.path + " is in use by process " + std::to_string(::getpid()));
    BOOST_TEST(second->lock_holder("lock").value().value() == static_cast<unsigned>(::getpid()));
    lock.reset();
    BOOST_TEST(!second->lock_holder("lock").value().has_value());
    BOOST_TEST(second->lock("lock").has_value());
}

BOOST_AUTO_TEST_CASE(F7_a_short_write_goes_on_where_it_stopped) {
    std::string written(10, '.');
    int calls = 0;
    int const result = posix::write_fully(
        as_bytes("0123456789"), 0, [&](std::byte const* data, std::size_t size, std::uint64_t at) {
            if (++calls == 2) {
                errno = EINTR;
                return ssize_t{-1};
            }
            auto const taken = std::min<std::size_t>(size, 3);
            written.replace(at, taken, as_text({data, taken}));
            return static_cast<ssize_t>(taken);
        });
    BOOST_TEST(result == 0);
    BOOST_TEST(written == "0123456789");
    BOOST_TEST(calls == 5);
}

BOOST_AUTO_TEST_CASE(F7_an_error_after_a_short_write_is_reported_and_not_tried_again) {
    int calls = 0;
    int const result = posix::write_fully(
        as_bytes("0123456789"), 0, [&](std::byte const*, std::size_t, std::uint64_t) {
            errno = EIO;
            return ++calls == 1 ? ssize_t{3} : ssize_t{-1};
        });
    BOOST_TEST(result == EIO);
    BOOST_TEST(calls == 2);
    BOOST_TEST(posix::write_fully(as_bytes("x"), 0, [](auto, auto, auto) { return ssize_t{0}; }) ==
               EIO);
}

BOOST_AUTO_TEST_CASE(each_errno_becomes_what_its_reader_should_do) {
    struct Row {
        int number;
        Errc code;
    };
    for (auto const row : {Row{ENOSPC, Errc::storage_full},
                           Row{EDQUOT, Errc::storage_full},
                           Row{EMFILE, Errc::overloaded},
                           Row{ENFILE, Errc::overloaded},
                           Row{ENOENT, Errc::not_found},
                           Row{EIO, Errc::disk_io},
                           Row{EACCES, Errc::disk_io}}) {
        BOOST_TEST((posix::error_of(row.number, "f", "call").code == row.code), row.number);
    }
}

BOOST_AUTO_TEST_SUITE_END()
