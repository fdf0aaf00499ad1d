// Values that several tests of the schema share.
#pragma once

#include <rapidcheck.h>

#include <boost/test/unit_test.hpp>
#include <capstan/schema.hpp>
#include <string>
#include <vector>

#include "support/golden.hpp"

namespace capstan::test {

inline DeviceId device(std::uint8_t seed) {
    DeviceId id;
    for (std::size_t i = 0; i < id.bytes.size(); ++i) {
        id.bytes[i] = static_cast<std::byte>(seed + i);
    }
    return id;
}

inline RunHeader sample_header() {
    return {.attempt = Attempt::of(3, 0xabcdef01),
            .after = {Counter{7}, Attempt::of(2, 0x01020304)},
            .preceding_seq = Seq{41},
            .flags = RunFlags::needs_window};
}

inline Bytes sample_run() {
    std::vector<ByteView> const events{as_bytes("one"), as_bytes("second"), as_bytes("3")};
    return encode_run(sample_header(), events);
}

inline RunEnvelope sample_envelope() {
    return {.stream = "acme/room/42",
            .principal = "acme/alice",
            .generation = Generation{0x1122334455667788},
            .expect_head = Seq{90},
            .device = device(0x10),
            .gateway_time = WallTime{1'790'000'000'000'000}};
}

/// Events of any size from 1 byte on.
inline rc::Gen<std::vector<std::string>> event_texts() {
    return rc::gen::container<std::vector<std::string>>(
        rc::gen::nonEmpty(rc::gen::string<std::string>()));
}

inline std::vector<ByteView> views(std::vector<std::string> const& texts) {
    std::vector<ByteView> out;
    for (auto const& text : texts) {
        out.push_back(as_bytes(text));
    }
    return out;
}

/// Every way of cutting `bytes` short, and of flipping one bit, is refused by `accepts`.
template <class Accepts>
void refuses_every_damage(Bytes bytes, Accepts accepts) {
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        BOOST_TEST_CONTEXT("cut to " << size) {
            BOOST_TEST(!accepts(ByteView(bytes).first(size)));
        }
    }
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        auto const mask = static_cast<std::byte>(1u << (bit % 8));
        bytes[bit / 8] ^= mask;
        BOOST_TEST_CONTEXT("bit " << bit) {
            BOOST_TEST(!accepts(bytes));
        }
        bytes[bit / 8] ^= mask;
    }
}

}  // namespace capstan::test
