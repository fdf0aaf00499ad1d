#include <zstd.h>

#include <boost/test/unit_test.hpp>
#include <capstan/engine/snapshot/manifest.hpp>
#include <capstan/engine/snapshot/packing.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/snapshotter/chunker.hpp>
#include <set>

#include "support/golden.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

ChunkRef ref_of(ByteView bytes) {
    return {chunk_id(bytes), static_cast<std::uint32_t>(bytes.size()), 1};
}

ObjectHead head_of(std::string_view id, std::uint64_t seq = 1) {
    return {id, "Note", Seq{1}, Seq{seq}};
}

/// Objects of one size with ids in order; boundaries look at nothing else.
std::vector<ObjectChunk> cut(std::size_t count, std::size_t bytes, std::size_t without) {
    Chunker chunker;
    std::vector<ObjectChunk> out;
    Bytes const object(bytes, std::byte{1});
    for (std::size_t i = 0; i < count; ++i) {
        if (i != without) {
            auto const id = std::to_string(100'000 + i);
            if (auto chunk = chunker.add(head_of(id), object, {})) {
                out.push_back(std::move(*chunk));
            }
        }
    }
    if (auto chunk = chunker.finish()) {
        out.push_back(std::move(*chunk));
    }
    return out;
}

Manifest small_manifest() {
    Manifest manifest;
    manifest.stream = "acme/notes";
    manifest.generation = Generation{7};
    manifest.seq = Seq{300};
    manifest.chain = {1, 2};
    manifest.mark = Seq{44};
    manifest.state_hash = 0x1122334455667788;
    manifest.devices = kChunkDevices + 1;
    auto const ref = [](std::string_view text) { return ref_of(as_bytes(text)); };
    manifest.event_bytes = 12'345;
    manifest.device_chunks = {ref("full"), ref("one more")};
    manifest.counter_chunks = {ref("1, 2, 3"), ref("4")};
    manifest.object_chunks = {{ref("a to k"), "a", "k", 12, Seq{300}, true},
                              {ref("m alone"), "m", "m", 1, Seq{5}, false}};
    manifest.objects = 13;
    manifest.window = ref("window");
    manifest.past = ref("past");
    return manifest;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(snapshot_chunks)

BOOST_AUTO_TEST_CASE(chunks_have_the_sizes_that_they_should_have) {
    for (std::size_t const bytes : {30U, 200U, 3'000U, 40'000U}) {
        BOOST_TEST_CONTEXT(bytes) {
            auto const chunks = cut(4'000'000 / bytes, bytes, ~std::size_t{0});
            std::size_t all = 0;
            for (std::size_t i = 0; i < chunks.size(); ++i) {
                all += chunks[i].bytes.size();
                BOOST_TEST(chunks[i].bytes.size() <= 256U * 1'024);
                BOOST_TEST((i + 1 == chunks.size() || chunks[i].bytes.size() >= kChunkBytesMin));
            }
            BOOST_TEST(all / chunks.size() > 30'000U);
            BOOST_TEST(all / chunks.size() < 110'000U);
        }
    }
}

BOOST_AUTO_TEST_CASE(one_object_more_replaces_few_chunks) {
    auto const with = cut(20'000, 200, ~std::size_t{0});
    for (std::size_t const without : {0U, 1U, 9'999U, 15'000U, 19'999U}) {
        auto const less = cut(20'000, 200, without);
        std::set<ChunkId> ids;
        for (auto const& chunk : less) {
            ids.insert(chunk_id(chunk.bytes));
        }
        auto const changed = std::ranges::count_if(
            with, [&](auto const& chunk) { return !ids.contains(chunk_id(chunk.bytes)); });
        BOOST_TEST(changed >= 1);
        BOOST_TEST(changed <= 4);
    }
}

BOOST_AUTO_TEST_CASE(a_packed_chunk_comes_back) {
    auto const chunk = make_chunk(ChunkKind::window, as_bytes(std::string(5'000, 'x')));
    auto const packed = pack_chunk(chunk);
    BOOST_TEST(packed.size() < 100U);
    BOOST_TEST((unpack_chunk(packed, ref_of(chunk)).value() == chunk));
    BOOST_TEST((parse_chunk_id(to_string(chunk_id(chunk))) == chunk_id(chunk)));
    BOOST_TEST(!parse_chunk_id("ab"));
    BOOST_TEST(!parse_chunk_id(std::string(64, 'G')));
    BOOST_TEST(open_chunk(ChunkKind::window, chunk).has_value());
    BOOST_TEST((open_chunk(ChunkKind::devices, chunk).error().code == Errc::malformed));
    auto newer = chunk;
    newer[0] = std::byte{9};
    BOOST_TEST((open_chunk(ChunkKind::window, newer).error().code == Errc::format_unknown));
}

/// F30: what a frame promises is held against the manifest before anything is allocated.
BOOST_AUTO_TEST_CASE(frames_that_promise_too_much_are_refused) {
    Bytes const zeros(3'000'000);
    auto const bomb = pack_chunk(zeros);
    BOOST_TEST(bomb.size() < 1'000U);
    auto ref = ref_of(zeros);
    ref.bytes = 1'000;
    BOOST_TEST((unpack_chunk(bomb, ref).error().code == Errc::too_large));

    // A frame without size, with a window of 2 GiB in its header.
    Bytes const no_size{std::byte{0x28},
                        std::byte{0xb5},
                        std::byte{0x2f},
                        std::byte{0xfd},
                        std::byte{0x00},
                        std::byte{0xa8},
                        std::byte{0x01},
                        std::byte{0x00}};
    BOOST_TEST((unpack_chunk(no_size, ref).error().code == Errc::malformed));

    // 2^40 bytes, says the header.
    Bytes huge{std::byte{0x28}, std::byte{0xb5}, std::byte{0x2f}, std::byte{0xfd}, std::byte{0xe0}};
    ByteWriter(huge).put(std::uint64_t{1} << 40);
    BOOST_TEST((unpack_chunk(huge, ref).error().code == Errc::too_large));

    auto two = pack_chunk(as_bytes("chunk"));
    two.insert(two.end(), two.begin(), two.end());
    BOOST_TEST((unpack_chunk(two, ref_of(as_bytes("chunk"))).error().code == Errc::malformed));
}

BOOST_AUTO_TEST_CASE(no_damaged_chunk_is_taken_for_a_good_one) {
    std::string text;
    for (int i = 0; i < 300; ++i) {
        text += std::to_string(i * i);
    }
    auto const chunk = make_chunk(ChunkKind::window, as_bytes(text));
    auto const packed = pack_chunk(chunk);
    auto const ref = ref_of(chunk);
    for (std::size_t bit = 0; bit < 8 * packed.size(); ++bit) {
        auto damaged = packed;
        damaged[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        auto const read = unpack_chunk(damaged, ref);
        BOOST_TEST((!read || read.value() == chunk));
    }
    for (std::size_t bytes = 0; bytes < packed.size(); ++bytes) {
        BOOST_TEST(unpack_chunk(ByteView(packed).first(bytes), ref).has_error());
    }
}

BOOST_AUTO_TEST_CASE(a_manifest_has_golden_bytes) {
    auto const manifest = small_manifest();
    auto const bytes = encode_manifest(manifest);
    check_golden("snapshotter/manifest", bytes);
    BOOST_TEST((decode_manifest(bytes).value() == manifest));
}

BOOST_AUTO_TEST_CASE(damaged_manifests_are_refused) {
    auto const good = encode_manifest(small_manifest());
    for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
        auto damaged = good;
        damaged[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        BOOST_TEST(decode_manifest(damaged).has_error());
    }
    for (std::size_t bytes = 0; bytes < good.size(); ++bytes) {
        BOOST_TEST(decode_manifest(ByteView(good).first(bytes)).has_error());
    }
}

BOOST_AUTO_TEST_CASE(manifests_that_say_the_impossible_are_refused) {
    auto const refused = [](auto change) {
        auto manifest = small_manifest();
        change(manifest);
        return decode_manifest(encode_manifest(manifest)).has_error();
    };
    BOOST_TEST(!refused([](Manifest&) {}));
    BOOST_TEST(refused([](Manifest& it) { it.stream.clear(); }));
    BOOST_TEST(refused([](Manifest& it) { it.generation = {}; }));
    BOOST_TEST(refused([](Manifest& it) { it.mark = it.seq; }));
    BOOST_TEST(refused([](Manifest& it) { it.devices = 5; }));
    BOOST_TEST(refused([](Manifest& it) { it.object_chunks[1].first = "k"; }));
    BOOST_TEST(refused([](Manifest& it) { it.object_chunks[0].first = "l"; }));
    BOOST_TEST(refused([](Manifest& it) { it.object_chunks[0].max_seq = Seq{301}; }));
    BOOST_TEST(refused([](Manifest& it) { it.object_chunks[0].objects = 0; }));
    BOOST_TEST(refused([](Manifest& it) { it.window.bytes = 0; }));
    BOOST_TEST(refused([](Manifest& it) { it.window.bytes = kChunkBytesMax + 1; }));
    BOOST_TEST(refused([](Manifest& it) { it.past.bytes = 0; }));
}

BOOST_AUTO_TEST_SUITE_END()
