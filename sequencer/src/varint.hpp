#pragma once
#include <capstan/schema/bytes.hpp>
#include <cstdint>

namespace capstan {

/// An unsigned number in groups of 7 bits, lowest first; the top bit of a byte says that another
/// follows. 1 to 10 bytes.
inline void put_varint(Bytes& out, std::uint64_t value) {
    while (value >= 0x80) {
        out.push_back(static_cast<std::byte>(value | 0x80));
        value >>= 7;
    }
    out.push_back(static_cast<std::byte>(value));
}

/// A difference, small in either direction, as a small unsigned number.
inline std::uint64_t zigzag(std::uint64_t difference) {
    return (difference << 1) ^ (0 - (difference >> 63));
}
inline std::uint64_t unzigzag(std::uint64_t value) {
    return (value >> 1) ^ (0 - (value & 1));
}

/// Takes numbers from untrusted bytes. As with `ByteReader`, a read past the end yields zeros and
/// makes `ok()` false for ever; so does a number of more than 64 bits.
class VarintReader {
  public:
    explicit VarintReader(ByteView bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

    std::uint64_t varint() {
        if (at_ != end_ && *at_ < std::byte{0x80}) {
            return static_cast<std::uint64_t>(*at_++);
        }
        return long_varint();
    }
    template <std::integral T>
    T get() {
        auto const raw = take(sizeof(T));
        return raw.empty() ? T{} : load<T>(raw.data());
    }
    Hash128 get_hash() {
        auto const low = get<std::uint64_t>();
        return Hash128{low, get<std::uint64_t>()};
    }
    DeviceId get_device() {
        DeviceId device;
        if (auto const raw = take(device.bytes.size()); !raw.empty()) {
            std::memcpy(device.bytes.data(), raw.data(), raw.size());
        }
        return device;
    }
    ByteView take(std::uint64_t bytes) {
        if (bytes > left()) {
            fail();
            return {};
        }
        ByteView const taken(at_, static_cast<std::size_t>(bytes));
        at_ += bytes;
        return taken;
    }
    std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
    bool ok() const { return ok_; }
    bool done() const { return ok_ && at_ == end_; }

  private:
    void fail() {
        ok_ = false;
        at_ = end_;
    }
    std::uint64_t long_varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
            auto const byte = static_cast<std::uint64_t>(*at_++);
            if (shift == 63 && byte > 1) {
                break;
            }
            value |= (byte & 0x7f) << shift;
            if (byte < 0x80) {
                return value;
            }
        }
        fail();
        return 0;
    }

    std::byte const* at_;
    std::byte const* end_;
    bool ok_ = true;
};

}  // namespace capstan
