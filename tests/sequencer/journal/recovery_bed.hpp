// What tests of a journal's opening share: disks that were tampered with, and how opening ends.
#pragma once
#include <boost/test/unit_test.hpp>
#include <capstan/schema/frame.hpp>
#include <capstan/schema/hash.hpp>

#include "journal_world.hpp"

namespace capstan::test {

inline constexpr std::size_t kBlock = 4'096;

/// Writes with another version number and a checksum that fits: what a newer build would leave.
inline void make_newer(JournalWorld& world, std::uint64_t segment, std::size_t at) {
    auto bytes = world.file(segment);
    auto* header = bytes.data() + at;
    header[4] = std::byte{2};
    store(header + 8, std::uint64_t{0});
    store(header + 8, hash64({header, kFrameHeaderBytes}));
    world.disk->put(world.name(segment), bytes);
}

inline void overwrite(JournalWorld& world, std::uint64_t segment, std::size_t at, ByteView with) {
    auto bytes = world.file(segment);
    std::ranges::copy(with, bytes.begin() + static_cast<std::ptrdiff_t>(at));
    world.disk->put(world.name(segment), bytes);
}

/// Opening fails with this, and nothing on the disk has changed but for the lock.
inline void check_refused(JournalWorld& world, Errc code, std::string_view detail) {
    auto const before = world.image();
    auto const opened = world.open();
    BOOST_TEST_REQUIRE(!opened);
    BOOST_TEST((opened.error().code == code), text_of(opened.error()));
    BOOST_TEST(opened.error().detail.find(detail) != std::string::npos, opened.error().detail);
    BOOST_TEST((world.image() == before));
}

/// Three frames of two submissions each in segment 1, at blocks 1 to 3, all flushed.
inline JournalWorld three_frames() {
    JournalWorld world;
    world.open().value();
    for (int i = 0; i < 3; ++i) {
        world.commit({200, 200});
    }
    return world;
}

}  // namespace capstan::test
