#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/frame.hpp>
#include <cstddef>
#include <memory>
#include <new>
#include <span>

namespace capstan::file_journal {

/// Where frames are put together: one piece of memory, aligned to a page, used again for each.
class FrameBuffer {
  public:
    /// The frame as it goes to disk: header, `parts` back to back, zeros up to the block. Sets the
    /// header's payload length and hash. Valid until the next call.
    ByteView build(FrameHeader& header, std::span<ByteView const> parts);
    /// A segment's first block.
    ByteView build(SegmentHeader const& header);

  private:
    static constexpr std::align_val_t kAlignment{4'096};
    struct Free {
        void operator()(std::byte* bytes) const { ::operator delete(bytes, kAlignment); }
    };

    void reserve(std::size_t bytes);

    std::unique_ptr<std::byte, Free> bytes_;
    std::size_t capacity_ = 0;
};

}  // namespace capstan::file_journal
