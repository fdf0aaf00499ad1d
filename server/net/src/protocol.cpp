#include <capstan/server/net/protocol.hpp>
#include <utility>

namespace capstan {

void WriteBatch::add(std::string text) {
    bytes_ += text.size();
    pieces_.push_back(Piece{std::move(text)});
}

void WriteBatch::add(std::shared_ptr<Bytes const> message) {
    Piece piece;
    auto const header = WebSocketPeer::encode_header(message->size(), piece.header);
    piece.header_bytes = static_cast<std::uint8_t>(header);
    piece.payload = std::move(message);
    bytes_ += piece.bytes();
    pieces_.push_back(std::move(piece));
}

std::vector<WriteBatch::Piece> WriteBatch::take() {
    bytes_ = 0;
    return std::exchange(pieces_, {});
}

}  // namespace capstan
