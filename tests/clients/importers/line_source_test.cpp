#include <zlib.h>

#include <boost/test/unit_test.hpp>
#include <capstan/importers/line_source.hpp>
#include <fstream>
#include <memory>

#include "support/temp_directory.hpp"

namespace capstan::importers {
namespace {

/// Gives the text in pieces of a size.
ReadBytes in_pieces(std::string text, std::size_t piece) {
    auto const left = std::make_shared<std::string>(std::move(text));
    return [left, piece](std::span<char> buffer) -> Result<std::size_t> {
        auto const got = left->copy(buffer.data(), std::min(buffer.size(), piece));
        left->erase(0, got);
        return got;
    };
}

std::vector<std::string> lines_of(ReadBytes read, std::size_t bytes_max) {
    LineSource source(std::move(read), bytes_max);
    std::vector<std::string> lines;
    for (;;) {
        auto const line = source.next();
        BOOST_TEST_REQUIRE(line.has_value());
        if (!line.value()) {
            BOOST_TEST(source.lines() == lines.size());
            return lines;
        }
        lines.emplace_back(line.value()->text);
        BOOST_TEST(line.value()->number == lines.size());
    }
}

void compress(std::string const& path, std::string const& text, char const* mode) {
    auto* const file = gzopen(path.c_str(), mode);
    BOOST_TEST_REQUIRE(file != nullptr);
    BOOST_TEST(gzwrite(file, text.data(), static_cast<unsigned>(text.size())) ==
               static_cast<int>(text.size()));
    BOOST_TEST(gzclose(file) == Z_OK);
}

std::string bytes_of(std::string const& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(line_source)

BOOST_AUTO_TEST_CASE(lines_come_out_whole_however_they_are_read) {
    using Lines = std::vector<std::string>;
    for (std::size_t piece = 1; piece < 12; ++piece) {
        BOOST_TEST_CONTEXT(piece) {
            BOOST_TEST((lines_of(in_pieces("", piece), 9) == Lines{}));
            BOOST_TEST((lines_of(in_pieces("one\n\ntwo", piece), 9) == Lines{"one", "", "two"}));
            BOOST_TEST((lines_of(in_pieces("one\ntwo\n", piece), 9) == Lines{"one", "two"}));
            // A line that is too long shows by one byte too many, and is kept no further.
            BOOST_TEST((lines_of(in_pieces("123456789\nab\n", piece), 3) == Lines{"1234", "ab"}));
        }
    }
}

BOOST_AUTO_TEST_CASE(files_are_read_compressed_or_not) {
    capstan::test::TempDirectory const folder;
    auto const path = (folder / "chat").string();
    std::ofstream(path) << "one\ntwo\n";
    BOOST_TEST(lines_of(open_text_file(path).value(), 9).size() == 2u);
    compress(path + ".gz", "one\ntwo\n", "wb");
    compress(path + ".gz", "three", "ab");  // gzip files may be joined
    BOOST_TEST((lines_of(open_text_file(path + ".gz").value(), 9) ==
                std::vector<std::string>{"one", "two", "three"}));
    auto const missing = open_text_file((folder / "none").string());
    BOOST_TEST((missing.error().code == Errc::not_found));
}

BOOST_AUTO_TEST_CASE(damaged_and_cut_compressed_files_are_noticed) {
    capstan::test::TempDirectory const folder;
    auto const path = (folder / "chat.gz").string();
    std::string text;
    for (int i = 0; i < 5'000; ++i) {
        text += std::to_string(i * 7'919) + "\n";
    }
    compress(path, text, "wb");
    auto const whole = bytes_of(path);
    auto const last_error = [&](std::string const& content) {
        std::ofstream(path, std::ios::binary) << content;
        LineSource source(open_text_file(path).value(), 100);
        for (;;) {
            auto const line = source.next();
            if (!line) {
                return line.error().code;
            }
            BOOST_TEST_REQUIRE(line.value().has_value());  // the end must not look like one
        }
    };
    BOOST_TEST((last_error(whole.substr(0, whole.size() / 2)) == Errc::request_invalid));
    BOOST_TEST((last_error(whole.substr(0, whole.size() - 1)) == Errc::request_invalid));
    auto flipped = whole;
    flipped[flipped.size() / 2] = static_cast<char>(~flipped[flipped.size() / 2]);
    BOOST_TEST((last_error(flipped) == Errc::request_invalid));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan::importers
