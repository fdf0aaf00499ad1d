// Every decoder of the schema on arbitrary bytes; the first byte chooses.
#include <capstan/schema.hpp>
#include <cstdint>

namespace {

using namespace capstan;

void decode_run(ByteView bytes) {
    auto const run = RunView::decode(bytes);
    for (std::uint32_t i = 0; run && i < run.value().count(); ++i) {
        CAPSTAN_INVARIANT(!run.value().event(i).empty());
    }
}

void decode_messages(ByteView bytes) {
    MessageReader reader(bytes);
    for (auto message = reader.next(); message && message.value(); message = reader.next()) {
    }
}

/// What is read encodes to bytes that read the same.
void decode_and_encode_event(ByteView bytes) {
    if (auto const event = decode_event(bytes)) {
        auto const again = encode_event(event.value());
        CAPSTAN_INVARIANT(again.size() > kEventBytesMax || decode_event(again).has_value());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    ByteView const bytes(reinterpret_cast<std::byte const*>(data) + 1, size - 1);
    switch (data[0] % 6) {
        case 0:
            decode_run(bytes);
            break;
        case 1:
            static_cast<void>(SubmissionView::decode(bytes));
            break;
        case 2:
            static_cast<void>(decode_frame_header(bytes));
            break;
        case 3:
            static_cast<void>(decode_segment_header(bytes));
            break;
        case 4:
            decode_and_encode_event(bytes);
            break;
        case 5:
            decode_messages(bytes);
            break;
    }
    return 0;
}
