#pragma once
#include <array>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/event.hpp>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace capstan {

/// A value as a model keeps it: its kind and its payload, in 16 bytes. Payloads of up to 14 bytes
/// stand inside, longer ones on the heap.
///
/// The payload of an int64 or real is its 8 bytes, that of a text, bytes or reference the bytes
/// themselves, that of a blob SHA-256, size (u64) and media type; the other kinds have none.
class StoredValue {
  public:
    /// In the order that `max` and `min` use. Numbers are for ever: snapshots hold them.
    enum class Kind : std::uint8_t {
        absent,  // no value: never written, or unset
        null,
        no,
        yes,
        int64,
        real,
        text,
        bytes,
        reference,
        blob,
    };

    StoredValue() = default;  // absent
    explicit StoredValue(Value const& value);
    static StoredValue of_int(std::int64_t number);
    /// Nothing if the payload is not one of that kind: untrusted bytes come in here.
    static std::optional<StoredValue> parse(Kind kind, ByteView payload);
    /// The inverse of `key()`. Nothing for bytes that are no key.
    static std::optional<StoredValue> parse_key(std::string_view key);

    StoredValue(StoredValue const& other) { copy(other); }
    StoredValue(StoredValue&& other) noexcept : raw_(other.raw_) { other.raw_ = {}; }
    StoredValue& operator=(StoredValue const& other);
    StoredValue& operator=(StoredValue&& other) noexcept {
        std::swap(raw_, other.raw_);
        return *this;
    }
    ~StoredValue() {
        if (on_heap()) {
            release();
        }
    }

    Kind kind() const { return static_cast<Kind>(std::to_integer<std::uint8_t>(raw_[15]) & 0x0f); }
    bool absent() const { return kind() == Kind::absent; }
    ByteView payload() const;
    /// Precondition: `kind()` is `int64`.
    std::int64_t as_int() const { return load<std::int64_t>(raw_.data()); }
    /// Nothing if absent.
    std::optional<Value> value() const;
    /// Bytes that name this value among others and sort as `<=>` does. Elements of sets are kept
    /// by them.
    std::string key() const;
    /// Two words that stand for the value in a hash; long payloads enter by their own hash.
    std::array<std::uint64_t, 2> words() const;
    /// What it takes beyond its 16 bytes.
    std::size_t heap_bytes() const { return on_heap() ? payload().size() : 0; }

    /// By kind; int64 as numbers, real by the total order of IEEE 754, all others by their bytes.
    friend std::strong_ordering operator<=>(StoredValue const& a, StoredValue const& b);
    friend bool operator==(StoredValue const& a, StoredValue const& b) { return (a <=> b) == 0; }

  private:
    StoredValue(Kind kind, ByteView payload);
    static constexpr std::size_t kInlineBytes = 14;
    bool on_heap() const { return (std::to_integer<std::uint8_t>(raw_[15]) & 0x80) != 0; }
    std::byte* heap() const;
    void release();
    void copy(StoredValue const& other);

    // payload inline: 0..13 payload, 14 its size; on the heap: 0..7 pointer, 8..11 size.
    // 15: kind, 0x80 = on the heap.
    std::array<std::byte, 16> raw_{};
};

}  // namespace capstan
