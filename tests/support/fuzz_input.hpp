// Takes the bytes of a fuzzer apart, so that small changes of them are small changes of what
// happens.
#pragma once
#include <algorithm>
#include <capstan/schema/bytes.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace capstan::test {

class FuzzInput {
  public:
    FuzzInput(std::uint8_t const* data, std::size_t size)
        : rest_(reinterpret_cast<std::byte const*>(data), size) {}

    bool done() const { return rest_.empty(); }
    /// 0 at the end.
    std::uint8_t byte() {
        auto const taken = take(1);
        return taken.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(taken[0]);
    }
    std::uint64_t below(std::uint64_t end) { return byte() % end; }
    bool flag() { return (byte() & 1) != 0; }
    /// Mostly small, now and then as large as it gets.
    std::uint64_t number() {
        auto const low = byte();
        return low < 250 ? low : ~std::uint64_t{0} >> (8 * (low - 250U));
    }
    /// As many as a byte says, or as there are.
    ByteView bytes() { return take(byte()); }
    template <std::size_t N>
    std::string_view one_of(std::string_view const (&names)[N]) {
        return names[below(N)];
    }

  private:
    ByteView take(std::size_t count) {
        auto const taken = rest_.first(std::min(count, rest_.size()));
        rest_ = rest_.subspan(taken.size());
        return taken;
    }
    ByteView rest_;
};

}  // namespace capstan::test
