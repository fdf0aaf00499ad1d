// Reference "null" log server: the least a log server can do on this machine. One epoll
// thread; frames in, dense seq per stream, CRC-32C, one pwrite (+ fdatasync) per loop turn
// (natural group commit), acks out; sendfile catch-up; live push to subscribers.
//   null_log_server PORT FILE none|write|sync [prealloc MiB]
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nmmintrin.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <csignal>

#include "common.hpp"
struct C {
    int fd;
    std::string in, out;
    size_t outoff = 0;
    bool sub = false, want = false;
    off_t cat = -1;
};
static uint32_t crc32c(char const* p, size_t n) {
    uint64_t x = 0;
    while (n >= 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        x = _mm_crc32_u64(x, v);
        p += 8;
        n -= 8;
    }
    while (n--) x = _mm_crc32_u8(uint32_t(x), uint8_t(*p++));
    return uint32_t(x);
}
int main(int argc, char** argv) {
    if (argc < 4)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    int port = atoi(argv[1]);
    std::string mode = argv[3];
    bool wr = mode != "none", sy = mode == "sync";
    size_t mib = argc > 4 ? size_t(atol(argv[4])) : 512;
    int jf = open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0644);
    {
        std::vector<char> z(1 << 20);
        for (size_t i = 0; i < mib; i++)
            if (pwrite(jf, z.data(), z.size(), off_t(i << 20)) < 0)
                return 1;
        fsync(jf);
    }
    off_t joff = 0, jmax = off_t(mib) << 20;
    std::vector<uint64_t> seq(1 << 20, 0);
    int ls = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(uint16_t(port));
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(ls, (sockaddr*)&a, sizeof a) || listen(ls, 1024)) {
        perror("listen");
        return 1;
    }
    int ep = epoll_create1(0);
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.ptr = nullptr;
    epoll_ctl(ep, EPOLL_CTL_ADD, ls, &e);
    std::vector<C*> subs;
    std::string jb;
    std::vector<char> tmp(1 << 18);
    epoll_event evs[256];
    std::vector<C*> dirty;
    auto arm = [&](C* c, bool w) {
        if (w == c->want)
            return;
        epoll_event x{};
        x.events = EPOLLIN | (w ? EPOLLOUT : 0u);
        x.data.ptr = c;
        epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &x);
        c->want = w;
    };
    auto push = [&](C* c) {
        while (c->outoff < c->out.size()) {
            ssize_t w = write(c->fd, c->out.data() + c->outoff, c->out.size() - c->outoff);
            if (w <= 0)
                break;
            c->outoff += size_t(w);
        }
        if (c->outoff == c->out.size()) {
            c->out.clear();
            c->outoff = 0;
        }
        if (c->cat >= 0) {
            while (c->cat < joff) {
                ssize_t w =
                    sendfile(c->fd, jf, &c->cat, std::min<size_t>(1 << 20, size_t(joff - c->cat)));
                if (w <= 0)
                    break;
            }
            if (c->cat >= joff)
                c->cat = -1;
        }
        arm(c, !c->out.empty() || c->cat >= 0);
    };
    for (;;) {
        int n = epoll_wait(ep, evs, 256, -1);
        dirty.clear();
        jb.clear();
        for (int i = 0; i < n; i++) {
            C* c = (C*)evs[i].data.ptr;
            if (!c) {
                int f = accept4(ls, nullptr, nullptr, SOCK_NONBLOCK);
                if (f < 0)
                    continue;
                setsockopt(f, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                C* k = new C{f};
                epoll_event x{};
                x.events = EPOLLIN;
                x.data.ptr = k;
                epoll_ctl(ep, EPOLL_CTL_ADD, f, &x);
                continue;
            }
            if (evs[i].events & EPOLLOUT)
                push(c);
            if (!(evs[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                continue;
            ssize_t r = read(c->fd, tmp.data(), tmp.size());
            if (r <= 0) {
                if (r < 0 && errno == EAGAIN)
                    continue;
                close(c->fd);
                subs.erase(std::remove(subs.begin(), subs.end(), c), subs.end());
                delete c;
                continue;
            }
            char const* p = tmp.data();
            size_t len = size_t(r);
            if (!c->in.empty()) {
                c->in.append(p, len);
                p = c->in.data();
                len = c->in.size();
            }
            size_t o = 0;
            bool acked = false;
            while (o + 4 <= len) {
                uint32_t l;
                memcpy(&l, p + o, 4);
                if (o + 4 + l > len)
                    break;
                char ty = p[o + 4];
                if (ty == 1) {
                    uint64_t id;
                    uint32_t st;
                    memcpy(&id, p + o + 5, 8);
                    memcpy(&st, p + o + 13, 4);
                    uint64_t sq = ++seq[st & 0xfffff];
                    uint32_t pl = l - 13;
                    char const* d = p + o + 17;
                    uint32_t crc = crc32c(d, pl);
                    uint64_t s64 = st;
                    char h[24];
                    memcpy(h, &pl, 4);
                    memcpy(h + 4, &crc, 4);
                    memcpy(h + 8, &s64, 8);
                    memcpy(h + 16, &sq, 8);
                    if (wr || !subs.empty()) {
                        jb.append(h, 24);
                        jb.append(d, pl);
                    }
                    char ak[16];
                    memcpy(ak, &id, 8);
                    memcpy(ak + 8, &sq, 8);
                    c->out.append(ak, 16);
                    acked = true;
                } else if (ty == 2) {
                    c->cat = 0;
                    push(c);
                } else if (ty == 3) {
                    c->sub = true;
                    subs.push_back(c);
                }
                o += 4 + l;
            }
            if (c->in.empty()) {
                if (o < len)
                    c->in.assign(p + o, len - o);
            } else
                c->in.erase(0, o);
            if (acked)
                dirty.push_back(c);
        }
        if (!jb.empty() && wr) {
            if (joff + off_t(jb.size()) > jmax)
                joff = 0;
            if (pwrite(jf, jb.data(), jb.size(), joff) < 0)
                return 1;
            joff += off_t(jb.size());
            if (sy)
                fdatasync(jf);
        }
        for (C* c : dirty) push(c);
        if (!jb.empty())
            for (C* s : subs) {
                s->out.append(jb);
                push(s);
            }
    }
}
