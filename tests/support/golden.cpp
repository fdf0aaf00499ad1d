#include "support/golden.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace capstan::test {
namespace {

std::string hex_lines(ByteView bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    constexpr std::size_t kBytesPerLine = 16;
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        auto const byte = std::to_integer<std::size_t>(bytes[i]);
        out += kDigits[byte >> 4];
        out += kDigits[byte & 15];
        bool const line_ends = i % kBytesPerLine == kBytesPerLine - 1 || i + 1 == bytes.size();
        out += line_ends ? '\n' : ' ';
    }
    return out;
}

}  // namespace

void check_golden(std::string_view name, ByteView bytes) {
    auto const path = std::filesystem::path("tests/golden") / (std::string(name) + ".hex");
    auto const actual = hex_lines(bytes);
    if (std::getenv("CAPSTAN_RERECORD") != nullptr) {
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << actual;
    }
    std::ifstream file(path);
    BOOST_TEST_REQUIRE(file.is_open(),
                       path.string() << " is missing; record it with CAPSTAN_RERECORD=1");
    std::stringstream expected;
    expected << file.rdbuf();
    BOOST_TEST(actual == expected.str(), path.string() << " differs: this changes a format");
}

}  // namespace capstan::test
