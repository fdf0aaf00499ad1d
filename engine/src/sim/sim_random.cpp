#include <bit>
#include <capstan/engine/sim/sim_random.hpp>
#include <capstan/schema/hash.hpp>

namespace capstan {
namespace {

std::uint64_t splitmix64(std::uint64_t& state) {
    state += 0x9e3779b97f4a7c15;
    std::uint64_t mixed = state;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
}

}  // namespace

SimRandom::SimRandom(std::uint64_t seed) : seed_(seed) {
    for (auto& word : state_) {
        word = splitmix64(seed);
    }
}

std::uint64_t SimRandom::next() {
    auto& s = state_;
    std::uint64_t const result = std::rotl(s[0] + s[3], 23) + s[0];
    std::uint64_t const shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = std::rotl(s[3], 45);
    return result;
}

SimRandom SimRandom::child(std::string_view label) const {
    std::uint64_t mixed = seed_ ^ hash64(as_bytes(label));
    return SimRandom(splitmix64(mixed));
}

}  // namespace capstan
