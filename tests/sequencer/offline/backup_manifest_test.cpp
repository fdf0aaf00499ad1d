#include <boost/test/unit_test.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/sequencer/backup.hpp>
#include <cstdio>

using namespace capstan;

namespace {

BackupManifest two_segments() {
    return {.number = 3,
            .created = WallTime{1'764'313'200'000'000},
            .partition = 2,
            .lineage = Lineage{0xabc},
            .end = {Position{40}, Hash128{1, 2}, SegmentNumber{8}, Offset{8'192}},
            .bytes_added = 4'096,
            .pieces = {{SegmentNumber{7}, 0, 4'096, Hash128{3, 4}},
                       {SegmentNumber{7}, 4'096, 12'288, Hash128{5, 6}},
                       {SegmentNumber{8}, 0, 8'192, Hash128{7, 8}}}};
}

/// The text with its checksum made right.
std::string sealed(std::string text) {
    text.resize(text.rfind("checksum "));
    char line[32];
    std::snprintf(line,
                  sizeof line,
                  "checksum %016llx\n",
                  static_cast<unsigned long long>(hash64(as_bytes(text))));
    return text + line;
}

std::string replaced(std::string text, std::string const& from, std::string const& to) {
    return sealed(text.replace(text.find(from), from.size(), to));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(backup_manifest)

BOOST_AUTO_TEST_CASE(a_manifest_comes_back_as_it_was) {
    auto const text = encode(two_segments());
    auto const back = decode_backup_manifest(text).value();
    BOOST_TEST(encode(back) == text);
    BOOST_TEST((back.pieces == two_segments().pieces));
    BOOST_TEST((back.end == two_segments().end));
    BOOST_TEST(back.bytes() == 20'480U);
    BOOST_TEST(back.pieces[1].name() == "0000000007-0000004096-0000012288");
}

BOOST_AUTO_TEST_CASE(every_prefix_and_every_flipped_bit_is_refused) {
    auto const text = encode(two_segments());
    for (std::size_t size = 0; size < text.size(); ++size) {
        BOOST_TEST_CONTEXT("prefix " << size) {
            BOOST_TEST(!decode_backup_manifest(text.substr(0, size)));
        }
    }
    for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
        auto flipped = text;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
        BOOST_TEST_CONTEXT("bit " << bit) {
            BOOST_TEST(!decode_backup_manifest(flipped));
        }
    }
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_together_is_refused) {
    struct Row {
        char const* name;
        char const* from;
        char const* to;
        Errc code;
    };
    Row const rows[] = {
        {"newer format", "backup 1", "backup 2", Errc::format_unknown},
        {"unknown line", "added 4096", "addde 4096", Errc::malformed},
        {"no number", "number 3", "number x", Errc::malformed},
        {"a number too long", "number 3", "number 99999999999999999999", Errc::malformed},
        {"a word too many", "added 4096", "added 4096 1", Errc::malformed},
        {"a gap in a segment", "piece 7 4096", "piece 7 8192", Errc::malformed},
        {"a missing segment", "piece 8 0", "piece 9 0", Errc::malformed},
        {"an empty piece", "piece 7 0 4096", "piece 7 0 0", Errc::malformed},
        {"an end elsewhere", " 8 8192\n", " 8 4096\n", Errc::malformed},
    };
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            auto const read =
                decode_backup_manifest(replaced(encode(two_segments()), row.from, row.to));
            BOOST_TEST_REQUIRE(!read);
            BOOST_TEST((read.error().code == row.code));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
