#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/hash.hpp>
#include <cstdint>

namespace capstan::sync {

inline constexpr std::uint8_t kRecordVersion = 1;

inline std::uint64_t record_checksum(ByteView key, ByteView version_and_body) {
    return hash64(key) ^ hash64(version_and_body);
}

/// Writes version and checksum around the body of a store record.
template <class Body>
Bytes sealed(ByteView key, Body&& body) {
    Bytes value;
    ByteWriter out(value);
    out.put(kRecordVersion);
    body(out);
    auto const sum = record_checksum(key, value);
    out.put(sum);
    return value;
}

/// `malformed`, with the key in readable form.
Error bad_record(ByteView key, std::string_view what);

/// The body of a value whose version and checksum are right. Errors: `malformed`, `format_unknown`.
Result<ByteView> opened(ByteView key, ByteView value);

}  // namespace capstan::sync
