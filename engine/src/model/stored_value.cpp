#include <algorithm>
#include <bit>
#include <capstan/engine/model/stored_value.hpp>
#include <capstan/schema/hash.hpp>

namespace capstan {
namespace {

using Kind = StoredValue::Kind;

constexpr std::size_t kBlobHeadBytes = 40;  // SHA-256 and size
constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;

/// Numbers whose unsigned order is that of the values, and back.
std::uint64_t sortable(Kind kind, std::uint64_t bits) {
    if (kind == Kind::real && (bits & kSignBit) != 0) {
        return ~bits;
    }
    return bits ^ kSignBit;
}
std::uint64_t unsorted(Kind kind, std::uint64_t sorted) {
    if (kind == Kind::real && (sorted & kSignBit) == 0) {
        return ~sorted;
    }
    return sorted ^ kSignBit;
}

bool is_number(Kind kind) {
    return kind == Kind::int64 || kind == Kind::real;
}

std::uint64_t big_endian(std::uint64_t value) {
    return __builtin_bswap64(value);
}

bool is_payload(Kind kind, ByteView payload) {
    switch (kind) {
        case Kind::absent:
        case Kind::null:
        case Kind::no:
        case Kind::yes:
            return payload.empty();
        case Kind::int64:
        case Kind::real:
            return payload.size() == sizeof(std::uint64_t);
        case Kind::text:
        case Kind::reference:
            return is_utf8(as_text(payload));
        case Kind::bytes:
            return true;
        case Kind::blob:
            return payload.size() >= kBlobHeadBytes && is_utf8(as_text(payload.subspan(40)));
    }
    return false;
}

Bytes blob_payload(BlobReference const& blob) {
    Bytes out;
    ByteWriter(out).put(ByteView(blob.sha256)).put(blob.size_bytes).put(blob.media_type);
    return out;
}

BlobReference blob_of(ByteView payload) {
    BlobReference blob;
    std::copy_n(payload.begin(), blob.sha256.size(), blob.sha256.begin());
    blob.size_bytes = load<std::uint64_t>(payload.data() + blob.sha256.size());
    blob.media_type = as_text(payload.subspan(kBlobHeadBytes));
    return blob;
}

template <class... Cases>
struct Overloaded : Cases... {
    using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

template <class Number>
ByteView bytes_of(Number const& number) {
    return std::as_bytes(std::span(&number, 1));
}

}  // namespace

StoredValue::StoredValue(Kind kind, ByteView payload) {
    if (payload.size() <= kInlineBytes) {
        std::ranges::copy(payload, raw_.begin());
        raw_[kInlineBytes] = static_cast<std::byte>(payload.size());
        raw_[15] = static_cast<std::byte>(kind);
        return;
    }
    auto* const place = new std::byte[payload.size()];
    std::ranges::copy(payload, place);
    store(raw_.data(), std::bit_cast<std::uintptr_t>(place));
    store(raw_.data() + 8, static_cast<std::uint32_t>(payload.size()));
    raw_[15] = static_cast<std::byte>(static_cast<std::uint8_t>(kind) | 0x80);
}

StoredValue::StoredValue(Value const& value)
    : StoredValue(std::visit(
          Overloaded{
              [](std::monostate) { return StoredValue(Kind::null, {}); },
              [](bool yes) { return StoredValue(yes ? Kind::yes : Kind::no, {}); },
              [](std::int64_t number) { return StoredValue(Kind::int64, bytes_of(number)); },
              [](double number) { return StoredValue(Kind::real, bytes_of(number)); },
              [](std::string const& text) { return StoredValue(Kind::text, as_bytes(text)); },
              [](Bytes const& bytes) { return StoredValue(Kind::bytes, bytes); },
              [](Reference const& to) { return StoredValue(Kind::reference, as_bytes(to.object)); },
              [](BlobReference const& blob) { return StoredValue(Kind::blob, blob_payload(blob)); },
          },
          value)) {}

StoredValue StoredValue::of_int(std::int64_t number) {
    return StoredValue(Kind::int64, bytes_of(number));
}

std::optional<StoredValue> StoredValue::parse(Kind kind, ByteView payload) {
    if (!is_payload(kind, payload)) {
        return std::nullopt;
    }
    return StoredValue(kind, payload);
}

std::byte* StoredValue::heap() const {
    return std::bit_cast<std::byte*>(load<std::uintptr_t>(raw_.data()));
}

void StoredValue::release() {
    delete[] heap();
}

void StoredValue::copy(StoredValue const& other) {
    if (!other.on_heap()) {
        raw_ = other.raw_;
        return;
    }
    StoredValue whole(other.kind(), other.payload());
    std::swap(raw_, whole.raw_);
}

StoredValue& StoredValue::operator=(StoredValue const& other) {
    StoredValue whole(other);
    std::swap(raw_, whole.raw_);
    return *this;
}

ByteView StoredValue::payload() const {
    if (on_heap()) {
        return {heap(), load<std::uint32_t>(raw_.data() + 8)};
    }
    return ByteView(raw_).first(std::to_integer<std::size_t>(raw_[kInlineBytes]));
}

std::optional<Value> StoredValue::value() const {
    auto const bytes = payload();
    switch (kind()) {
        case Kind::absent:
            return std::nullopt;
        case Kind::null:
            return Value{};
        case Kind::no:
            return Value{false};
        case Kind::yes:
            return Value{true};
        case Kind::int64:
            return Value{as_int()};
        case Kind::real:
            return Value{std::bit_cast<double>(load<std::uint64_t>(raw_.data()))};
        case Kind::text:
            return Value{std::string(as_text(bytes))};
        case Kind::bytes:
            return Value{Bytes(bytes.begin(), bytes.end())};
        case Kind::reference:
            return Value{Reference{std::string(as_text(bytes))}};
        case Kind::blob:
            return Value{blob_of(bytes)};
    }
    return std::nullopt;
}

std::string StoredValue::key() const {
    std::string out(1, static_cast<char>(kind()));
    if (is_number(kind())) {
        auto const word = big_endian(sortable(kind(), load<std::uint64_t>(raw_.data())));
        return out.append(as_text(bytes_of(word)));
    }
    return out.append(as_text(payload()));
}

std::optional<StoredValue> StoredValue::parse_key(std::string_view key) {
    if (key.empty() || static_cast<std::uint8_t>(key[0]) > static_cast<std::uint8_t>(Kind::blob) ||
        key[0] == 0) {
        return std::nullopt;
    }
    auto const kind = static_cast<Kind>(key[0]);
    auto const payload = as_bytes(key.substr(1));
    if (!is_payload(kind, payload)) {
        return std::nullopt;
    }
    if (is_number(kind)) {
        auto const word = unsorted(kind, big_endian(load<std::uint64_t>(payload.data())));
        return StoredValue(kind, bytes_of(word));
    }
    return StoredValue(kind, payload);
}

std::array<std::uint64_t, 2> StoredValue::words() const {
    if (on_heap()) {
        auto const bytes = payload();
        return {hash64(bytes), bytes.size() << 8 | static_cast<std::uint64_t>(kind()) | 0x80};
    }
    return {load<std::uint64_t>(raw_.data()), load<std::uint64_t>(raw_.data() + 8)};
}

std::strong_ordering operator<=>(StoredValue const& a, StoredValue const& b) {
    if (a.kind() != b.kind()) {
        return a.kind() <=> b.kind();
    }
    if (is_number(a.kind())) {
        return sortable(a.kind(), load<std::uint64_t>(a.raw_.data())) <=>
               sortable(b.kind(), load<std::uint64_t>(b.raw_.data()));
    }
    return as_text(a.payload()) <=> as_text(b.payload());
}

}  // namespace capstan
