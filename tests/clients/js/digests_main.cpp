// The digests of what stands on standard input, of this build.
#include <capstan/js.hpp>
#include <iostream>
#include <iterator>
#include <string>

int main() {
    std::string const input(std::istreambuf_iterator<char>(std::cin), {});
    std::cout << capstan::js::digests(capstan::as_bytes(input));
}
