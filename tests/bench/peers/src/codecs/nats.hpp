#pragma once
// NATS and JetStream.
#include "../load_engine.hpp"

struct NatsCodec : Codec {
    bool many = false, core = false;
    int port;
    string base;
    static string req(int fd, string& buf, string const& subj, string const& body) {
        wr_all(fd, "PUB " + subj + " _C.r " + std::to_string(body.size()) + "\r\n" + body + "\r\n");
        for (;;) {
            size_t m = buf.find("MSG _C.r");
            if (m != string::npos) {
                size_t e = buf.find("\r\n", m);
                if (e != string::npos) {
                    size_t sp = buf.rfind(' ', e);
                    size_t n = size_t(atol(buf.c_str() + sp));
                    if (buf.size() >= e + 4 + n) {
                        string r = buf.substr(e + 2, n);
                        buf.erase(0, e + 4 + n);
                        return r;
                    }
                }
            }
            rd_some(fd, buf);
        }
    }
    static void connect_(int fd) {
        string b;
        while (b.find("\r\n") == string::npos) rd_some(fd, b);
        wr_all(fd,
               "CONNECT "
               "{\"verbose\":false,\"pedantic\":false,\"tls_required\":false,\"name\":\"bench\","
               "\"lang\":\"c\",\"version\":\"1\",\"protocol\":1,\"echo\":true}\r\nPING\r\n");
        while (b.find("PONG\r\n") == string::npos) rd_some(fd, b);
    }
    static string mkstream(string const& name, string const& subj) {
        return "{\"name\":\"" + name + "\",\"subjects\":[\"" + subj +
               "\"],\"retention\":\"limits\",\"max_consumers\":-1,\"max_msgs\":-1,\"max_bytes\":-1,"
               "\"max_age\":0,\"max_msg_size\":-1,\"storage\":\"file\",\"discard\":\"old\",\"num_"
               "replicas\":1}";
    }
    void setup(uint32_t streams) override {
        int fd = dial(port);
        connect_(fd);
        wr_all(fd, "SUB _C.r 9\r\n");
        string b;
        uint64_t t0 = now_ns();
        uint32_t made = 0;
        if (!many) {
            string r = req(fd, b, "$JS.API.STREAM.CREATE.S", mkstream("S", "e.>"));
            if (r.find("\"error\"") != string::npos)
                die(r);
            made = 1;
        } else
            for (uint32_t i = 0; i < streams && double(now_ns() - t0) / 1e9 < A->d("limit", 300);
                 i++, made++) {
                string n = std::to_string(i);
                string r = req(fd, b, "$JS.API.STREAM.CREATE.S" + n, mkstream("S" + n, "e." + n));
                if (r.find("\"error\"") != string::npos)
                    die(r);
            }
        Out("setup")
            .str("peer", "nats")
            .str("layout", many ? "stream-each" : "subject-each")
            .num("streams", made)
            .num("secs", double(now_ns() - t0) / 1e9);
        close(fd);
    }
    void hello(Conn& c) override {
        connect_(c.fd);
        base = "_I." + std::to_string(getpid()) + ".";
        c.out += "SUB " + base + std::to_string(c.idx) + ".* 1\r\n";
    }
    void pub(Conn& c, uint64_t id, uint32_t st, string_view pl) override {
        char h[160];
        int n = snprintf(h,
                         sizeof h,
                         "PUB e.%u %s%d.%llu %zu\r\n",
                         st,
                         base.c_str(),
                         c.idx,
                         (unsigned long long)id,
                         pl.size());
        c.out.append(h, size_t(n));
        c.out.append(pl);
        c.out.append("\r\n");
    }
    void subscribe(Conn& c, bool start) override {
        c.sub = true;
        if (core) {
            c.out += "SUB e.0 2\r\n";
            return;
        }
        string d = "D" + std::to_string(getpid()) + "." + std::to_string(c.idx);
        c.out += "SUB " + d + " 2\r\n";
        string cfg = "{\"stream_name\":\"" + A->s("stream", "S") +
                     "\",\"config\":{\"deliver_subject\":\"" + d + "\",\"deliver_policy\":\"" +
                     (start ? "all" : "new") +
                     "\",\"ack_policy\":\"none\",\"replay_policy\":\"instant\"}}";
        c.out += "PUB $JS.API.CONSUMER.CREATE." + A->s("stream", "S") + " _X." + d + " " +
                 std::to_string(cfg.size()) + "\r\n" + cfg + "\r\n";
    }
    size_t parse(Conn& c, char const* p, size_t n, Sink& s) override {
        char const *b = p, *e = p + n;
        while (p < e) {
            char const* l = (char const*)memchr(p, '\n', size_t(e - p));
            if (!l)
                break;
            l++;
            if (!strncmp(p, "MSG ", 4)) {
                char const* sp = l - 2;
                while (sp[-1] != ' ') sp--;
                size_t len = size_t(atol(sp));
                if (l + len + 2 > e)
                    break;
                if (c.sub)
                    s.deliver(c, l, len);
                else {
                    char const* q = p + 4;
                    int dots = 0;
                    while (dots < 3)
                        if (*q++ == '.')
                            dots++;
                    if (len < 10 || memmem(l, len, "\"error\"", 7))
                        s.err(string(l, len));
                    s.ack(c, strtoull(q, nullptr, 10));
                }
                p = l + len + 2;
            } else {
                if (!strncmp(p, "PING", 4))
                    c.out += "PONG\r\n";
                else if (*p == '-')
                    s.err(string(p, size_t(l - p)));
                p = l;
            }
        }
        return size_t(p - b);
    }
};
