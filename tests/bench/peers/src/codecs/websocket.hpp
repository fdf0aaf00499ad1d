// The client's side of WebSocket, as far as a load needs it: whole binary frames, masked with a
// fresh key each, as RFC 6455 asks of clients.
#pragma once
#include "../load_engine.hpp"

/// Blocking upgrade. What came behind the answer stays in c.in.
inline void websocket_upgrade(Conn& c, string const& path) {
    wr_all(c.fd,
           "GET " + path +
               " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    size_t end;
    while ((end = c.in.find("\r\n\r\n")) == string::npos) rd_some(c.fd, c.in);
    if (c.in.find(" 101 ") > c.in.find("\r\n"))
        die("upgrade: " + c.in.substr(0, 200));
    c.in.erase(0, end + 4);
}

/// Appends one frame to `out`.
inline void websocket_put(string& out, uint8_t opcode, string_view payload, uint64_t random) {
    size_t n = payload.size();
    uint64_t key = random & 0xffffffff;
    key |= key << 32;
    out.push_back(char(0x80 | opcode));
    if (n < 126) {
        out.push_back(char(0x80 | n));
    } else {
        int bytes = n < 65536 ? 2 : 8;
        out.push_back(char(0x80 | (bytes == 2 ? 126 : 127)));
        for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out.push_back(char(n >> shift));
    }
    out.append((char const*)&key, 4);
    size_t at = out.size();
    out.resize(at + n);
    char const* from = payload.data();
    char* to = out.data() + at;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t word;
        memcpy(&word, from + i, 8);
        word ^= key;
        memcpy(to + i, &word, 8);
    }
    for (; i < n; i++) to[i] = char(from[i] ^ ((char const*)&key)[i & 7]);
}

struct WebSocketFrame {
    uint8_t opcode = 0;
    string_view payload;
    size_t size = 0;  // of the whole frame; 0 while it isn't all there
};

/// The frame at the front of `in`. The server sends whole messages.
inline WebSocketFrame websocket_take(string_view in) {
    if (in.size() < 2)
        return {};
    auto byte = [&](size_t i) { return uint64_t(uint8_t(in[i])); };
    if (!(byte(0) & 0x80) || byte(1) & 0x80)
        die("websocket: a fragment, or a masked frame");
    uint64_t n = byte(1);
    size_t head = n < 126 ? 2 : n == 126 ? 4 : 10;
    if (in.size() < head)
        return {};
    if (n >= 126) {
        n = 0;
        for (size_t i = 2; i < head; i++) n = n << 8 | byte(i);
    }
    if (in.size() - head < n)
        return {};
    return {uint8_t(byte(0) & 15), in.substr(head, n), head + n};
}
