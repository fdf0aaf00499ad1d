#pragma once
// MQTT 3.1.1, QoS 1.
#include "../load_engine.hpp"

struct MqttCodec : Codec {
    static void len(string& s, size_t n) {
        do {
            uint8_t b = n & 127;
            n >>= 7;
            s.push_back(char(n ? b | 128 : b));
        } while (n);
    }
    static void st(string& s, string const& v) {
        s.push_back(char(v.size() >> 8));
        s.push_back(char(v.size()));
        s += v;
    }
    void hello(Conn& c) override {
        string b;
        st(b, "MQTT");
        b += char(4);
        b += char(2);
        b += char(0);
        b += char(0);
        st(b, "b" + std::to_string(getpid()) + "." + std::to_string(c.idx));
        string f(1, 0x10);
        len(f, b.size());
        wr_all(c.fd, f + b);
        string r;
        while (r.size() < 4) rd_some(c.fd, r);
        if (r[3])
            die("mqtt connack");
    }
    void pub(Conn& c, uint64_t id, uint32_t s, string_view pl) override {
        string t = "e/" + std::to_string(s);
        c.out.push_back(0x32);
        len(c.out, t.size() + 4 + pl.size());
        st(c.out, t);
        uint16_t pid = uint16_t(id % 65535 + 1);
        c.out.push_back(char(pid >> 8));
        c.out.push_back(char(pid));
        c.out.append(pl);
    }
    void subscribe(Conn& c, bool) override {
        c.sub = true;
        string b;
        b += char(0);
        b += char(1);
        st(b, "e/0");
        b += char(1);
        c.out.push_back(char(0x82));
        len(c.out, b.size());
        c.out += b;
    }
    size_t parse(Conn& c, char const* p, size_t n, Sink& s) override {
        size_t o = 0;
        while (o + 2 <= n) {
            size_t q = o + 1, l = 0;
            int sh = 0;
            bool ok = false;
            while (q < n) {
                uint8_t b = uint8_t(p[q++]);
                l |= size_t(b & 127) << sh;
                sh += 7;
                if (!(b & 128)) {
                    ok = true;
                    break;
                }
            }
            if (!ok || q + l > n)
                break;
            uint8_t ty = uint8_t(p[o]) >> 4;
            if (ty == 4)
                s.ack(c, c.acked);
            else if (ty == 3) {
                size_t tl = size_t(uint8_t(p[q])) << 8 | uint8_t(p[q + 1]);
                size_t h = 2 + tl;
                if (uint8_t(p[o]) & 6) {
                    c.out.push_back(0x40);
                    c.out.push_back(2);
                    c.out.append(p + q + h, 2);
                    h += 2;
                }
                s.deliver(c, p + q + h, l - h);
            }
            o = q + l;
        }
        return o;
    }
};
