#pragma once
#include "../load_engine.hpp"

// HTTP/1.1: Durable Streams (JSON mode; --body raw = bytes without event borders) and S2
// (protobuf).
// --- HTTP/1.1: Durable Streams (JSON mode; --body raw = bytes without event borders) and S2
// (protobuf) One request at a time on a connection; what is due meanwhile is the next request's
// batch.
struct HttpCodec : Codec {
    bool s2 = false, raw = false, fan = false;
    int port = 0;
    size_t payload = 200;
    struct St {
        string body;
        uint64_t n = 0, busy = 0;
        uint32_t stream = 0;
        uint64_t left = 0, want = 0;
        bool head = true, more = false;
        string next;
    };
    std::map<int, St> sts;
    string path(uint32_t st) const {
        return s2 ? "/v1/streams/s" + std::to_string(st) : "/s" + std::to_string(st);
    }
    string req(string const& verb,
               string const& path,
               string const& type,
               string const& body,
               string const& more = "") const {
        return verb + " " + path + " HTTP/1.1\r\nHost: localhost\r\n" +
               (s2 ? "S2-Basin: bench-basin\r\nAuthorization: Bearer x\r\n" : "") + more +
               (type.empty() ? "" : "Content-Type: " + type + "\r\n") +
               (verb == "GET" ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") +
               "\r\n" + body;
    }
    char const* type() const {
        return s2 ? "application/protobuf" : raw ? "application/octet-stream" : "application/json";
    }
    static void varint(string& s, uint64_t v) {
        while (v > 127) {
            s.push_back(char(v | 128));
            v >>= 7;
        }
        s.push_back(char(v));
    }
    static uint64_t varint(char const*& p) {
        uint64_t v = 0;
        for (int k = 0;; k += 7) {
            uint8_t b = uint8_t(*p++);
            v |= uint64_t(b & 127) << k;
            if (b < 128)
                return v;
        }
    }
    static string_view field(char const* h, char const* e, char const* name) {
        char const* p = (char const*)memmem(h, size_t(e - h), name, strlen(name));
        if (!p)
            return {};
        p += strlen(name);
        char const* q = (char const*)memchr(p, '\r', size_t(e - p));
        return {p, size_t(q - p)};
    }  // names in lower case, as both servers send them
    int call(int fd, string& b, string const& rq) {
        wr_all(fd, rq);
        for (;;) {
            size_t h = b.find("\r\n\r\n");
            if (h != string::npos) {
                auto l = field(b.data(), b.data() + h + 2, "content-length: ");
                size_t n = l.empty() ? 0 : size_t(atol(l.data()));
                if (b.size() >= h + 4 + n) {
                    int c = atoi(b.c_str() + 9);
                    if (c >= 400)
                        fprintf(stderr, "%s\n", b.substr(0, 400).c_str());
                    b.erase(0, h + 4 + n);
                    return c;
                }
            }
            rd_some(fd, b);
        }
    }
    void setup(uint32_t n) override {
        int fd = dial(port);
        string b;
        uint64_t t0 = now_ns();
        uint32_t made = 0;
        if (s2) {
            int c = call(fd,
                         b,
                         req("PUT",
                             "/v1/basins/bench-basin",
                             "application/json",
                             A->s("basin-config", "{}")));
            if (c >= 400 && c != 409)
                die("basin " + std::to_string(c));
        }
        for (; made < n && double(now_ns() - t0) / 1e9 < A->d("limit", 300); made++) {
            int c = s2 ? call(fd, b, req("PUT", path(made), "application/json", "{}"))
                       : call(fd, b, req("PUT", path(made), type(), ""));
            if (c >= 400)
                die("create " + std::to_string(c));
        }
        Out("setup")
            .str("peer", s2 ? "s2" : "ds")
            .str("layout", "stream-each")
            .num("streams", made)
            .num("secs", double(now_ns() - t0) / 1e9);
        close(fd);
    }
    uint32_t pick(Conn& c, Rng& r, uint32_t streams) override {
        auto& s = sts[c.idx];
        if (!s.n)
            s.stream = Codec::pick(c, r, streams);
        return s.stream;
    }  // a request is for one stream
    void pub(Conn& c, uint64_t, uint32_t, string_view pl) override {
        auto& s = sts[c.idx];
        s.n++;
        string f;
        if (fan) {
            f = (s2 ? "~~" : "\"~~") + string(pl.substr(0, 32));
            f.append(payload - f.size() - !s2, 'x');
            if (!s2)
                f += '"';
            pl = f;
        }  // a marker that the subscriber looks for
        if (s2) {
            string v;
            varint(v, pl.size());
            s.body.push_back(0x0a);
            varint(s.body, pl.size() + 1 + v.size());
            s.body.push_back(0x1a);
            s.body += v;
        } else if (!raw)
            s.body.push_back(s.n == 1 ? '[' : ',');
        s.body.append(pl);
    }
    void flush(Conn& c) override {
        auto& s = sts[c.idx];
        if (!s.n || s.busy)
            return;
        if (!s2 && !raw)
            s.body.push_back(']');
        c.out += req("POST", path(s.stream) + (s2 ? "/records" : ""), type(), s.body);
        s.body.clear();
        s.busy = s.n;
        s.n = 0;
    }
    void ask(Conn& c) {
        auto& s = sts[c.idx];
        c.out += s2 ? req("GET",
                          path(0) + "/records?seq_num=" + s.next + "&count=1000&wait=0",
                          "",
                          "",
                          "Accept: application/protobuf\r\n")
                    : req("GET", path(0) + "?offset=" + s.next, "", "");
        s.head = true;
    }
    void subscribe(Conn& c, bool start) override {
        c.sub = true;
        auto& s = sts[c.idx];
        if (start) {
            s.next = s2 ? "0" : "-1";
            ask(c);
        } else
            c.out += s2 ? req("GET",
                              path(0) + "/records?tail_offset=0",
                              "",
                              "",
                              "Accept: text/event-stream\r\n")
                        : req("GET", path(0) + "?offset=now&live=sse", "", "");
    }
    size_t parse(Conn& c, char const* p, size_t n, Sink& sk) override {
        auto& s = sts[c.idx];
        char const *b = p, *e = p + n;
        if (c.sub && fan) {
            for (;;) {
                char const* q = (char const*)memmem(p, size_t(e - p), "~~", 2);
                if (!q)
                    return size_t(std::max(p, e - 1) - b);
                if (q + 34 > e)
                    return size_t(q - b);
                sk.deliver(c, q + 2, payload);
                p = q + 34;
            }
        }
        while (p < e) {
            if (s.head) {
                char const *h0 = p, *h = (char const*)memmem(p, size_t(e - p), "\r\n\r\n", 4);
                if (!h)
                    break;
                auto l = field(p, h + 2, "content-length: ");
                s.left = l.empty() ? 0 : strtoull(l.data(), nullptr, 10);
                int code = atoi(p + 9);
                p = h + 4;
                if (!c.sub || code >= 300) {  // an answer to a POST, or a refusal
                    if (size_t(e - p) < s.left) {
                        p = h0;
                        break;
                    }
                    p += s.left;
                    if (code >= 300)
                        sk.err(string(h0, size_t(p - h0)));
                    if (!c.sub) {
                        uint64_t k = s.busy;
                        s.busy = 0;
                        for (uint64_t i = 0; i < k; i++) sk.ack(c, c.acked);
                    }
                    continue;
                }
                if (auto nx = field(h0, h + 2, "stream-next-offset: "); !nx.empty())
                    s.next = string(nx);
                s.more = field(h0, h + 2, "stream-up-to-date: ").empty();
                if (!s2 && !raw && s.left) {
                    if (p == e) {
                        p = h0;
                        break;
                    }
                    p++;
                    s.left--;
                }  // [
                if (s.left)
                    s.head = false;
                else if (s.more && !s2)
                    ask(c);
                continue;
            }
            if (s2) {  // one page: fields 1 (record: 1 seq_num, 2 timestamp, 4 body) and 2 (tail)
                if (size_t(e - p) < s.left)
                    break;
                char const* z = p + s.left;
                uint64_t k = 0;
                while (p < z) {
                    uint8_t tag = uint8_t(*p++);
                    uint64_t l = varint(p);
                    char const* y = p + l;
                    if (tag == 0x0a) {
                        uint64_t sq = 0;
                        while (p < y) {
                            uint8_t g = uint8_t(*p++);
                            uint64_t v = varint(p);
                            if (g == 8)
                                sq = v;
                            else if ((g & 7) == 2) {
                                if (g == 0x22)
                                    sk.deliver(c, p, v);
                                p += v;
                            }
                        }
                        s.next = std::to_string(sq + 1);
                        k++;
                    }
                    p = y;
                }
                s.head = true;
                if (k)
                    ask(c);
                continue;
            }
            size_t step = payload + (raw ? 0 : 1), have = std::min<size_t>(size_t(e - p), s.left),
                   k = have / step;
            for (size_t i = 0; i < k; i++) {
                if (!raw && p[i * step + payload] != ',' && p[i * step + payload] != ']') {
                    sk.err("event border");
                    break;
                }
                sk.deliver(c, p + i * step, payload);
            }
            p += k * step;
            s.left -= k * step;
            if (s.left)
                break;
            s.head = true;
            if (s.more)
                ask(c);
        }
        return size_t(p - b);
    }
};
