#pragma once
#include <bit>
#include <capstan/schema/ids.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace capstan {

static_assert(std::endian::native == std::endian::little,
              "formats are little-endian and copied as they stand");

using Bytes = std::vector<std::byte>;
using ByteView = std::span<std::byte const>;

inline ByteView as_bytes(std::string_view text) {
    return {reinterpret_cast<std::byte const*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

/// Little-endian value at a place whose bounds were checked.
template <std::integral T>
T load(std::byte const* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}
template <std::integral T>
void store(std::byte* at, T value) {
    std::memcpy(at, &value, sizeof value);
}

/// Appends little-endian values to a buffer.
class ByteWriter {
  public:
    explicit ByteWriter(Bytes& out) : out_(out) {}
    template <std::integral T>
    ByteWriter& put(T value) {
        return append(&value, sizeof value);
    }
    ByteWriter& put(ByteView bytes) { return append(bytes.data(), bytes.size()); }
    ByteWriter& put(std::string_view text) { return put(as_bytes(text)); }
    ByteWriter& put(Hash128 const& hash) { return put(hash.low).put(hash.high); }
    ByteWriter& put(DeviceId const& device) { return put(ByteView(device.bytes)); }
    std::size_t size() const { return out_.size(); }

  private:
    ByteWriter& append(void const* from, std::size_t bytes) {
        auto const at = out_.size();
        out_.resize(at + bytes);
        if (bytes > 0) {
            std::memcpy(out_.data() + at, from, bytes);
        }
        return *this;
    }

    Bytes& out_;
};

/// Takes little-endian values from untrusted bytes. A read past the end yields zeros and makes
/// `ok()` false for ever, so a decoder reads all fields and asks once.
class ByteReader {
  public:
    explicit ByteReader(ByteView bytes) : rest_(bytes) {}
    template <std::integral T>
    T get() {
        auto const raw = take(sizeof(T));
        return raw.empty() ? T{} : load<T>(raw.data());
    }
    ByteView take(std::size_t bytes) {
        if (!ok_ || bytes > rest_.size()) {
            ok_ = false;
            return {};
        }
        auto const taken = rest_.first(bytes);
        rest_ = rest_.subspan(bytes);
        return taken;
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
    ByteView rest() const { return rest_; }
    bool ok() const { return ok_; }
    bool done() const { return ok_ && rest_.empty(); }

  private:
    ByteView rest_;
    bool ok_ = true;
};

}  // namespace capstan
