// make_certificate DIRECTORY NAME NAMES [SECONDS]: for end-to-end tests; see certificate.hpp.
#include <cstdlib>

#include "support/certificate.hpp"

int main(int argc, char** argv) {
    if (argc < 4) {
        return 2;
    }
    auto const ends_in = argc > 4 ? std::atol(argv[4]) : 86'400;
    capstan::test::make_certificate(argv[1], argv[2], argv[3], std::chrono::seconds(ends_in));
    return 0;
}
