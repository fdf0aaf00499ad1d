// The load engine: one epoll thread, N connections, W requests in flight on each, in a closed loop
// or paced (open loop; latency counts from the intended send time). A wire codec says how a peer is
// talked to.
#pragma once
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cassert>
#include <memory>
#include <string_view>

#include "common.hpp"

using std::string;
using std::string_view;

/// One connection. What only one codec needs stands below what all use.
struct Conn {
    int fd = -1, idx = 0;
    string in, out;  // read and not yet parsed; encoded and not yet written
    size_t outoff = 0;
    uint64_t next = 0, acked = 0;  // ids of publishes: the next one; how many were acked
    uint32_t inflight = 0;
    std::vector<uint64_t> ts;  // send time by id, a ring
    bool sub = false, wantw = false;
    uint64_t got = 0;         // events delivered
    size_t frame = SIZE_MAX;  // RabbitMQ: where the open publish frame begins
    uint8_t framepub = 0;     // RabbitMQ: its publisher
    string last = "0-0";      // Redis: XREAD's position
};

/// What a codec reports while it parses.
struct Sink {
    virtual void ack(Conn&, uint64_t id) = 0;
    virtual void err(string const& why) = 0;
    virtual void deliver(Conn&, char const* event, size_t bytes) = 0;
};

inline Args* A;

[[noreturn]] inline void die(string const& why) {
    fprintf(stderr, "netbench: %s (errno %d)\n", why.c_str(), errno);
    exit(2);
}

inline int dial(int port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(uint16_t(port));
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (sockaddr*)&a, sizeof a))
        die("connect port " + std::to_string(port));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

inline void wr_all(int fd, string const& s) {
    for (size_t o = 0; o < s.size();) {
        ssize_t w = write(fd, s.data() + o, s.size() - o);
        if (w <= 0)
            die("write");
        o += size_t(w);
    }
}

inline void rd_some(int fd, string& b) {
    char t[65536];
    ssize_t r = read(fd, t, sizeof t);
    if (r <= 0)
        die("server closed during handshake: " + b.substr(0, 200));
    b.append(t, size_t(r));
}

struct Codec {
    virtual ~Codec() {}
    /// Creates the streams, for peers that don't create them by publishing.
    virtual void setup(uint32_t) {}
    /// A device that follows all streams comes back when some have moved: what is said then.
    virtual void reconnect(uint32_t streams, uint32_t moved) {
        (void)streams, (void)moved;
        die("this peer has no such device");
    }
    /// Blocking, before the connection joins the loop.
    virtual void hello(Conn&) {}
    /// Encodes one publish, or gathers it for `flush`.
    virtual void pub(Conn&, uint64_t id, uint32_t stream, string_view event) = 0;
    /// Before bytes are written.
    virtual void flush(Conn&) {}
    /// Bytes consumed.
    virtual size_t parse(Conn&, char const*, size_t, Sink&) = 0;
    virtual void subscribe(Conn&, bool from_start) { (void)from_start; }
    /// Which stream the next publish is for.
    virtual uint32_t pick(Conn&, Rng& r, uint32_t streams) {
        return streams == 1 ? 0 : uint32_t(r.next() % streams);
    }
    /// The events to publish, each of exactly `bytes` as this peer takes and delivers them.
    virtual std::vector<string> events(size_t n, size_t bytes) { return make_events(n, bytes); }
    /// Where in an event the fan-out load may write 32 characters of its own.
    virtual size_t stamp_at() const { return 0; }
};

struct Engine : Sink {
    static constexpr uint64_t kRing = 1 << 17;

    Codec* P;
    int ep = epoll_create1(0);
    std::vector<std::unique_ptr<Conn>> cs;
    Rng rng{42};
    std::vector<string> ev;
    uint64_t evi = 0;  // events issued
    uint32_t streams = 1;
    size_t payload = 200;
    uint64_t acks = 0, errs = 0, delivered = 0, dbytes = 0;
    string first_err;
    bool measuring = false, refill = true;
    Hist h;
    uint64_t W = 1, target = 0;  // in flight on a connection; events to issue in all, 0 for no end
    // Fan-out: each event carries its send time and number; it is done when all have it.
    bool fan = false;
    std::vector<uint32_t> fancnt;
    uint32_t subs = 0;
    uint64_t fanpub = 0;

    void add(int port, int idx, bool sub) {
        auto c = std::make_unique<Conn>();
        c->idx = idx;
        c->sub = sub;
        c->fd = dial(port);
        c->ts.resize(sub ? 1 : kRing);
        P->hello(*c);
        fcntl(c->fd, F_SETFL, O_NONBLOCK);
        epoll_event e{};
        e.events = EPOLLIN;
        e.data.ptr = c.get();
        epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
        cs.push_back(std::move(c));
    }

    void send1(Conn& c, uint64_t t) {
        uint64_t id = c.next++;
        c.ts[id & (kRing - 1)] = t;
        c.inflight++;
        string& e = ev[evi++ & 1023];
        if (fan)
            stamp(e, t);
        P->pub(c, id, P->pick(c, rng, streams), e);
    }

    void ack(Conn& c, uint64_t id) override {
        c.acked++;
        c.inflight--;
        acks++;
        if (measuring && !fan)
            h.add(now_ns() - c.ts[id & (kRing - 1)]);
        if (refill && !fan && c.inflight < W && (!target || evi < target))
            send1(c, now_ns());
    }

    void err(string const& s) override {
        if (!errs++)
            first_err = s;
    }

    void deliver(Conn& c, char const* p, size_t n) override {
        delivered++;
        dbytes += n;
        c.got++;
        if (!fan)
            return;
        p += P->stamp_at();
        uint64_t t = hex16(p), k = hex16(p + 16);
        if (measuring)
            h.add(now_ns() - t);
        if (++fancnt[k & 65535] == subs && refill)
            send1(*cs[0], now_ns());
    }

    void out(Conn& c) {
        P->flush(c);
        while (c.outoff < c.out.size()) {
            ssize_t w = write(c.fd, c.out.data() + c.outoff, c.out.size() - c.outoff);
            if (w > 0)
                c.outoff += size_t(w);
            else if (errno == EAGAIN)
                break;
            else
                die("write: server closed; first error " + first_err);
        }
        bool want = c.outoff < c.out.size();
        if (!want) {
            c.out.clear();
            c.outoff = 0;
        } else if (c.outoff > (1 << 20)) {
            c.out.erase(0, c.outoff);
            c.outoff = 0;
        }
        if (want != c.wantw) {
            epoll_event e{};
            e.events = EPOLLIN | (want ? EPOLLOUT : 0u);
            e.data.ptr = &c;
            epoll_ctl(ep, EPOLL_CTL_MOD, c.fd, &e);
            c.wantw = want;
        }
    }

    void input(Conn& c) {
        static std::vector<char> tmp(1 << 20);
        ssize_t r = read(c.fd, tmp.data(), tmp.size());
        if (r == 0)
            die("server closed connection; first error " + first_err);
        if (r < 0) {
            if (errno == EAGAIN)
                return;
            die("read");
        }
        if (c.in.empty()) {
            size_t k = P->parse(c, tmp.data(), size_t(r), *this);
            if (k < size_t(r))
                c.in.assign(tmp.data() + k, size_t(r) - k);
        } else {
            c.in.append(tmp.data(), size_t(r));
            size_t k = P->parse(c, c.in.data(), c.in.size(), *this);
            c.in.erase(0, k);
        }
    }

    void poll(uint64_t max_ns) {
        epoll_event evs[128];
        timespec ts{time_t(max_ns / 1000000000), long(max_ns % 1000000000)};
        int n = epoll_pwait2(ep, evs, 128, &ts, nullptr);
        for (int i = 0; i < n; i++) {
            Conn& c = *(Conn*)evs[i].data.ptr;
            if (evs[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                input(c);
            out(c);
        }
    }

  private:
    void stamp(string& e, uint64_t t) {
        char b[40];
        snprintf(b, sizeof b, "%016llx%016llx", (unsigned long long)t, (unsigned long long)fanpub);
        memcpy(e.data() + P->stamp_at(), b, 32);
        fancnt[fanpub & 65535] = 0;
        fanpub++;
    }

    static uint64_t hex16(char const* p) {
        uint64_t v = 0;
        for (int i = 0; i < 16; i++)
            v = v << 4 | uint64_t(p[i] <= '9' ? p[i] - '0' : p[i] - 'a' + 10);
        return v;
    }
};
