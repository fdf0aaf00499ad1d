#pragma once
// RabbitMQ's stream protocol.
#include "../load_engine.hpp"

struct RabbitCodec : Codec {
    int port;
    std::map<int, std::vector<uint32_t>> own;
    uint32_t streams = 1, conns = 1;
    static void u8(string& s, uint8_t v) { s.push_back(char(v)); }
    static void u16(string& s, uint16_t v) {
        u8(s, uint8_t(v >> 8));
        u8(s, uint8_t(v));
    }
    static void u32(string& s, uint32_t v) {
        u16(s, uint16_t(v >> 16));
        u16(s, uint16_t(v));
    }
    static void u64(string& s, uint64_t v) {
        u32(s, uint32_t(v >> 32));
        u32(s, uint32_t(v));
    }
    static void str(string& s, string const& v) {
        u16(s, uint16_t(v.size()));
        s += v;
    }
    static uint16_t g16(char const* p) { return uint16_t(uint8_t(p[0]) << 8 | uint8_t(p[1])); }
    static uint32_t g32(char const* p) { return uint32_t(g16(p)) << 16 | g16(p + 2); }
    static uint64_t g64(char const* p) { return uint64_t(g32(p)) << 32 | g32(p + 4); }
    static string frame(uint16_t key, string const& body) {
        string s;
        u32(s, uint32_t(body.size() + 4));
        u16(s, key);
        u16(s, 1);
        return s + body;
    }
    string take(int fd, string& b, uint16_t key) {  // waits for a frame with this key
        for (;;) {
            while (b.size() >= 4 && b.size() >= 4 + g32(b.data())) {
                uint32_t n = g32(b.data());
                string f = b.substr(4, n);
                b.erase(0, 4 + n);
                if (g16(f.data()) == key)
                    return f.substr(4);
            }
            rd_some(fd, b);
        }
    }
    static string corr(uint32_t c = 1) {
        string s;
        u32(s, c);
        return s;
    }
    uint16_t call(int fd, string& b, uint16_t key, string const& body) {
        wr_all(fd, frame(key, corr() + body));
        string r = take(fd, b, uint16_t(key | 0x8000));
        return g16(r.data() + 4);
    }
    void login(int fd, string& b) {
        string p;
        u32(p, 0);
        if (call(fd, b, 0x11, p) != 1)
            die("peer properties");
        call(fd, b, 0x12, "");
        string a;
        str(a, "PLAIN");
        string cr = string("\0guest\0guest", 12);
        u32(a, uint32_t(cr.size()));
        a += cr;
        if (call(fd, b, 0x13, a) != 1)
            die("sasl");
        string t = take(fd, b, 0x14);
        string tn;
        u32(tn, g32(t.data()));
        u32(tn, 0);
        wr_all(fd, frame(0x14, tn));
        string v;
        str(v, "/");
        if (call(fd, b, 0x15, v) != 1)
            die("open");
    }
    void setup(uint32_t n) override {
        int fd = dial(port);
        string b;
        login(fd, b);
        uint64_t t0 = now_ns();
        uint32_t made = 0;
        for (; made < n && double(now_ns() - t0) / 1e9 < A->d("limit", 300); made++) {
            string c;
            str(c, "st" + std::to_string(made));
            u32(c, 0);
            uint16_t rc = call(fd, b, 0x0d, c);
            if (rc != 1 && rc != 5)
                die("create code " + std::to_string(rc));
        }
        Out("setup")
            .str("peer", "rabbit")
            .str("layout", "stream-each")
            .num("streams", made)
            .num("secs", double(now_ns() - t0) / 1e9);
        close(fd);
    }
    void hello(Conn& c) override {
        string b;
        login(c.fd, b);
        if (c.sub)
            return;
        auto& o = own[c.idx];
        for (uint32_t s = uint32_t(c.idx) % streams; s < streams; s += conns) o.push_back(s);
        if (o.size() > 256)
            die("over 256 publishers on one connection");
        for (size_t i = 0; i < o.size(); i++) {
            string d;
            u8(d, uint8_t(i));
            str(d, "");
            str(d, "st" + std::to_string(o[i]));
            uint16_t rc = call(c.fd, b, 1, d);
            if (rc != 1)
                die("declare code " + std::to_string(rc));
        }
        c.in = b;
    }
    uint32_t pick(Conn& c, Rng& r, uint32_t) override {
        auto& o = own[c.idx];
        return o.size() == 1 ? 0 : uint32_t(r.next() % o.size());
    }  // index of publisher
    void pub(Conn& c, uint64_t id, uint32_t p, string_view pl) override {
        if (c.frame != SIZE_MAX && c.framepub != p)
            flush(c);
        if (c.frame == SIZE_MAX) {
            c.frame = c.out.size();
            c.framepub = uint8_t(p);
            u32(c.out, 0);
            u16(c.out, 2);
            u16(c.out, 1);
            u8(c.out, uint8_t(p));
            u32(c.out, 0);
        }
        u64(c.out, id);
        u32(c.out, uint32_t(pl.size()));
        c.out.append(pl);
        uint32_t n = g32(c.out.data() + c.frame + 9) + 1;
        for (int i = 0; i < 4; i++) c.out[c.frame + 9 + size_t(i)] = char(n >> (24 - 8 * i));
        if (c.out.size() - c.frame > 500000)
            flush(c);
    }
    void flush(Conn& c) override {
        if (c.frame == SIZE_MAX)
            return;
        uint32_t n = uint32_t(c.out.size() - c.frame - 4);
        for (int i = 0; i < 4; i++) c.out[c.frame + size_t(i)] = char(n >> (24 - 8 * i));
        c.frame = SIZE_MAX;
    }
    void subscribe(Conn& c, bool start) override {
        c.sub = true;
        string s;
        u8(s, 1);
        str(s, "st0");
        u16(s, start ? 1 : 3);
        u16(s, 10);
        u32(s, 0);
        c.out += frame(7, corr() + s);
    }
    size_t parse(Conn& c, char const* p, size_t n, Sink& s) override {
        size_t o = 0;
        while (o + 4 <= n) {
            uint32_t l = g32(p + o);
            if (o + 4 + l > n)
                break;
            char const* f = p + o + 4;
            uint16_t key = g16(f);
            char const* e = f + l;
            if (key == 3) {
                uint32_t k = g32(f + 5);
                for (uint32_t i = 0; i < k; i++) s.ack(c, g64(f + 9 + 8 * i));
            } else if (key == 4)
                s.err("publish error");
            else if (key == 8) {
                char const* h = f + 5;
                uint32_t recs = g32(h + 4);
                (void)recs;
                uint16_t ents = g16(h + 2);
                char const* q = h + 48;
                for (uint16_t i = 0; i < ents && q < e; i++) {
                    uint32_t m = g32(q);
                    s.deliver(c, q + 4, m);
                    q += 4 + m;
                }
                string cr;
                u8(cr, 1);
                u16(cr, 1);
                c.out += frame(9, cr);
            } else if (key == 0x8007 && g16(f + 8) != 1)
                s.err("subscribe code " + std::to_string(g16(f + 8)));
            o += 4 + l;
        }
        return o;
    }
};
