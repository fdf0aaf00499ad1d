#include "frame_buffer.hpp"

#include <algorithm>
#include <bit>
#include <capstan/schema/hash.hpp>
#include <cstring>
#include <new>

namespace capstan::file_journal {

ByteView FrameBuffer::build(FrameHeader& header, std::span<ByteView const> parts) {
    std::size_t payload_bytes = 0;
    for (auto const part : parts) {
        payload_bytes += part.size();
    }
    auto const extent = static_cast<std::size_t>(frame_extent(payload_bytes, header.block_shift));
    reserve(extent);

    auto* at = bytes_.get() + kFrameHeaderBytes;
    for (auto const part : parts) {
        at = std::ranges::copy(part, at).out;
    }
    std::memset(at, 0, static_cast<std::size_t>(bytes_.get() + extent - at));

    header.payload_bytes = static_cast<std::uint32_t>(payload_bytes);
    header.payload_hash = hash64({bytes_.get() + kFrameHeaderBytes, payload_bytes});
    auto const encoded = encode(header);
    std::memcpy(bytes_.get(), encoded.data(), encoded.size());
    return {bytes_.get(), extent};
}

ByteView FrameBuffer::build(SegmentHeader const& header) {
    auto const block = std::size_t{1} << header.block_shift;
    reserve(block);
    std::memset(bytes_.get(), 0, block);
    auto const encoded = encode(header);
    std::memcpy(bytes_.get(), encoded.data(), encoded.size());
    return {bytes_.get(), block};
}

void FrameBuffer::reserve(std::size_t bytes) {
    if (bytes <= capacity_) {
        return;
    }
    capacity_ = std::bit_ceil(bytes);
    bytes_.reset(static_cast<std::byte*>(::operator new(capacity_, kAlignment)));
}

}  // namespace capstan::file_journal
