#pragma once
// Redis streams: XADD, XREAD.
#include "../load_engine.hpp"

struct RedisCodec : Codec {
    static char const* line(char const* p, char const* e) {
        char const* q = (char const*)memchr(p, '\n', size_t(e - p));
        return q ? q + 1 : nullptr;
    }
    static char const* skip(char const* p, char const* e) {  // end of one RESP value or null
        char const* l = line(p, e);
        if (!l)
            return nullptr;
        if (*p == '$') {
            long n = atol(p + 1);
            if (n < 0)
                return l;
            return l + n + 2 <= e ? l + n + 2 : nullptr;
        }
        if (*p == '*') {
            long n = atol(p + 1);
            for (long i = 0; i < n; i++) {
                l = skip(l, e);
                if (!l)
                    return nullptr;
            }
        }
        return l;
    }
    static string_view bulk(char const*& p, char const* e) {
        char const* l = line(p, e);
        long n = atol(p + 1);
        p = l + n + 2;
        return {l, size_t(n)};
    }
    static long arr(char const*& p, char const* e) {
        long n = atol(p + 1);
        p = line(p, e);
        return n;
    }
    void pub(Conn& c, uint64_t, uint32_t st, string_view pl) override {
        char k[24];
        int kn = snprintf(k, sizeof k, "s:%u", st);
        char h[128];
        int n = snprintf(h,
                         sizeof h,
                         "*5\r\n$4\r\nXADD\r\n$%d\r\n%s\r\n$3\r\n0-*\r\n$1\r\nd\r\n$%zu\r\n",
                         kn,
                         k,
                         pl.size());
        c.out.append(h, size_t(n));
        c.out.append(pl);
        c.out.append("\r\n");
    }
    bool block = true;
    void ask(Conn& c) {
        string cmd =
            block ? "*8\r\n$5\r\nXREAD\r\n$5\r\nCOUNT\r\n$4\r\n1000\r\n$5\r\nBLOCK\r\n$1\r\n0\r\n"
                  : "*6\r\n$5\r\nXREAD\r\n$5\r\nCOUNT\r\n$4\r\n1000\r\n";
        cmd += "$7\r\nSTREAMS\r\n$3\r\ns:0\r\n$" + std::to_string(c.last.size()) + "\r\n" + c.last +
               "\r\n";
        c.out += cmd;
    }
    void subscribe(Conn& c, bool start) override {
        c.sub = true;
        block = !start;
        if (!start)
            c.last = "$";
        ask(c);
    }
    size_t parse(Conn& c, char const* p, size_t n, Sink& s) override {
        char const *b = p, *e = p + n;
        while (p < e) {
            char const* q = skip(p, e);
            if (!q)
                break;
            if (*p == '-')
                s.err(string(p, size_t(q - p)));
            else if (!c.sub)
                s.ack(c, c.acked);
            else if (*p == '*' && p[1] != '-') {
                char const* w = p;
                arr(w, e);
                arr(w, e);
                bulk(w, e);
                long k = arr(w, e);
                for (long i = 0; i < k; i++) {
                    arr(w, e);
                    string_view id = bulk(w, e);
                    if (i == k - 1)
                        c.last = string(id);
                    arr(w, e);
                    bulk(w, e);
                    string_view v = bulk(w, e);
                    s.deliver(c, v.data(), v.size());
                }
                ask(c);
            }
            p = q;
        }
        return size_t(p - b);
    }
};
