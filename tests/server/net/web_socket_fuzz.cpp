#include <capstan/schema/error.hpp>
#include <capstan/server/net/web_socket.hpp>
#include <cstdint>

/// Bytes in one piece and one by one give the same messages and the same end.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace capstan;
    static WebSocketLimits const limits{4'096, 8, 20, std::chrono::seconds(30)};
    static WebSocketScratch scratch(4'096);
    ByteView const bytes(reinterpret_cast<std::byte const*>(data), size);
    auto const read = [&](std::size_t piece) {
        WebSocketPeer peer(limits);
        std::string seen;
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            auto input = bytes.subspan(at, std::min(piece, bytes.size() - at));
            while (true) {
                auto const step = peer.receive(input, scratch, Instant{});
                if (step.kind != WebSocketInput::message) {
                    break;
                }
                seen.append(as_text(step.payload)).append("\n");
            }
        }
        while (auto const control = peer.next_control()) {
            seen += *control;
        }
        return seen;
    };
    CAPSTAN_INVARIANT(read(bytes.size() + 1) == read(1));
    return 0;
}
