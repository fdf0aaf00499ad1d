#pragma once
// The null server's frames: see null_log_server.cpp.
#include "../load_engine.hpp"

struct NullCodec : Codec {
    void pub(Conn& c, uint64_t id, uint32_t st, string_view p) override {
        uint32_t n = uint32_t(p.size()) + 13;
        char h[17];
        memcpy(h, &n, 4);
        h[4] = 1;
        memcpy(h + 5, &id, 8);
        memcpy(h + 13, &st, 4);
        c.out.append(h, 17);
        c.out.append(p);
    }
    void subscribe(Conn& c, bool start) override {
        uint32_t n = 13;
        char h[17]{};
        memcpy(h, &n, 4);
        h[4] = start ? 2 : 3;
        c.out.append(h, 17);
        c.sub = true;
    }
    size_t parse(Conn& c, char const* p, size_t n, Sink& s) override {
        size_t o = 0;
        if (!c.sub) {
            while (o + 16 <= n) {
                uint64_t id;
                memcpy(&id, p + o, 8);
                s.ack(c, id);
                o += 16;
            }
            return o;
        }
        while (o + 24 <= n) {
            uint32_t l;
            memcpy(&l, p + o, 4);
            if (o + 24 + l > n)
                break;
            s.deliver(c, p + o + 24, l);
            o += 24 + l;
        }
        return o;
    }
};
