// Shared helpers of the baseline harness: clock, histogram, arguments, JSON-line
// output, CPU accounting of a process tree, JSON-like event payloads.
#pragma once
#include <dirent.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

inline uint64_t now_ns() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return uint64_t(t.tv_sec) * 1000000000ull + uint64_t(t.tv_nsec);
}

// Log-linear histogram: 64 sub-buckets per power of two (error below 1.6 %).
struct Hist {
    static constexpr int SUB = 6;
    std::vector<uint64_t> b = std::vector<uint64_t>((64 - SUB) << SUB, 0);
    uint64_t n = 0, mx = 0;
    static size_t idx(uint64_t v) {
        if (v < (1u << SUB))
            return v;
        int e = 63 - __builtin_clzll(v);
        return (size_t(e - SUB + 1) << SUB) + ((v >> (e - SUB)) & ((1u << SUB) - 1));
    }
    static double val(size_t i) {
        size_t e = i >> SUB, s = i & ((1u << SUB) - 1);
        if (e == 0)
            return double(s);
        return double(((1ull << SUB) + s) << (e - 1)) + double(1ull << (e - 1)) / 2;
    }
    void add(uint64_t v) {
        size_t i = idx(v);
        if (i >= b.size())
            i = b.size() - 1;
        b[i]++;
        n++;
        mx = std::max(mx, v);
    }
    double q(double f) const {
        if (!n)
            return 0;
        uint64_t want = uint64_t(f * double(n)), c = 0;
        if (want >= n)
            want = n - 1;
        for (size_t i = 0; i < b.size(); i++) {
            c += b[i];
            if (c > want)
                return val(i);
        }
        return double(mx);
    }
    double us(double f) const { return q(f) / 1000.0; }
};

struct Args {
    std::map<std::string, std::string> m;
    std::vector<std::string> pos;
    Args(int c, char** v) {
        for (int i = 1; i < c; i++) {
            std::string s = v[i];
            if (s.rfind("--", 0) == 0) {
                if (i + 1 < c) {
                    m[s.substr(2)] = v[i + 1];
                    i++;
                }
            } else
                pos.push_back(s);
        }
    }
    std::string s(std::string const& k, std::string const& d = "") const {
        auto i = m.find(k);
        return i == m.end() ? d : i->second;
    }
    double d(std::string const& k, double def) const {
        auto i = m.find(k);
        return i == m.end() ? def : atof(i->second.c_str());
    }
    long i(std::string const& k, long def) const {
        auto i = m.find(k);
        return i == m.end() ? def : atol(i->second.c_str());
    }
};

// CPU seconds (user+system) of a process and all of its descendants.
inline double tree_cpu(int root) {
    if (root <= 0)
        return 0;
    std::map<int, std::pair<int, double>> ps;
    DIR* d = opendir("/proc");
    if (!d)
        return 0;
    double hz = double(sysconf(_SC_CLK_TCK));
    while (dirent* e = readdir(d)) {
        int pid = atoi(e->d_name);
        if (pid <= 0)
            continue;
        std::ifstream f("/proc/" + std::string(e->d_name) + "/stat");
        std::string l;
        std::getline(f, l);
        auto p = l.rfind(')');
        if (p == std::string::npos)
            continue;
        std::istringstream is(l.substr(p + 2));
        std::string st;
        int ppid;
        is >> st >> ppid;
        std::string skip;
        for (int i = 0; i < 9; i++) is >> skip;
        double u, s, cu, cs;
        is >> u >> s >> cu >> cs;
        ps[pid] = {ppid, (u + s + cu + cs) / hz};
    }
    closedir(d);
    double sum = 0;
    for (auto& [pid, v] : ps) {
        int q = pid, hops = 0;
        while (q > 1 && q != root && hops++ < 20) {
            auto it = ps.find(q);
            if (it == ps.end())
                break;
            q = it->second.first;
        }
        if (q == root)
            sum += v.second;
    }
    return sum;
}
inline double self_cpu() {
    rusage r;
    getrusage(RUSAGE_SELF, &r);
    return double(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           double(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

// CPU used by processes that are not ours (the machine is shared): cores busy in
// user+system beyond this process tree and the servers in g_pids.
inline std::vector<int> g_pids;
struct Noise {
    double busy0 = 0, own0 = 0, fixed = -1;
    uint64_t t0 = 0;  // fixed: reported instead, when >= 0
    static double busy() {
        std::ifstream f("/proc/stat");
        std::string c;
        double u = 0, n = 0, s = 0;
        f >> c >> u >> n >> s;
        return (u + n + s) / double(sysconf(_SC_CLK_TCK));
    }
    static double own() {
        double v = tree_cpu(getpid());
        for (int p : g_pids) v += tree_cpu(p);
        return v;
    }
    void mark() {
        busy0 = busy();
        own0 = own();
        t0 = now_ns();
    }
    double other() {
        if (fixed >= 0)
            return fixed;
        double dt = double(now_ns() - t0) / 1e9;
        if (dt < 0.05)
            return 0;
        return std::max(0.0, (busy() - busy0 - (own() - own0)) / dt);
    }
};
inline Noise g_noise;
// Waits (bounded) until others use less than 0.15 core, then starts accounting.
inline void wait_quiet() {
    static double const lim = getenv("QUIET_S") ? atof(getenv("QUIET_S")) : 15;
    static double const cores = getenv("QUIET_CORES") ? atof(getenv("QUIET_CORES")) : 0.15;
    uint64_t te = now_ns() + uint64_t(lim * 1e9);
    do {
        g_noise.mark();
        usleep(250000);
    } while (g_noise.other() > cores && now_ns() < te);
    g_noise.mark();
}

// One JSON object per line on standard output (appended to results.jsonl).
struct Out {
    std::ostringstream o;
    bool first = true;
    Out(std::string const& t) {
        o << "{";
        str("t", t);
    }
    Out& key(std::string const& k) {
        if (!first)
            o << ",";
        first = false;
        o << '"' << k << "\":";
        return *this;
    }
    Out& str(std::string const& k, std::string const& v) {
        key(k);
        o << '"' << v << '"';
        return *this;
    }
    Out& num(std::string const& k, double v) {
        key(k);
        char b[64];
        snprintf(b, sizeof b, "%.6g", v);
        o << b;
        return *this;
    }
    ~Out() {
        num("other_cpu", g_noise.other());
        o << "}\n";
        fputs(o.str().c_str(), stdout);
        fflush(stdout);
    }
};

struct Rng {
    uint64_t s;
    explicit Rng(uint64_t x = 88172645463325252ull) : s(x * 0x9E3779B97F4A7C15ull + 1) {}
    uint64_t next() {
        s ^= s << 13;
        s ^= s >> 7;
        s ^= s << 17;
        return s;
    }
};

// A JSON-like event of exactly len bytes; part of it is random hex, so it
// compresses about as real events do (not as zeros).
inline std::string make_event(size_t len, uint64_t i, Rng& r) {
    char b[512];
    static char const* kinds[] = {
        "message.created", "cursor.moved", "item.updated", "reaction.added"};
    int n = snprintf(
        b,
        sizeof b,
        "{\"id\":\"%016llx%08x\",\"type\":\"%s\",\"actor\":\"user-%u\",\"ts\":%llu,\"body\":\"",
        (unsigned long long)r.next(),
        unsigned(r.next()),
        kinds[i & 3],
        unsigned(r.next() % 50000),
        (unsigned long long)(1763600000000ull + i * 7));
    std::string s(b, size_t(n));
    static char const* words[] = {"the ",
                                  "quick ",
                                  "update ",
                                  "of ",
                                  "document ",
                                  "row ",
                                  "position ",
                                  "value ",
                                  "user ",
                                  "sync ",
                                  "offline ",
                                  "change ",
                                  "title ",
                                  "done ",
                                  "list ",
                                  "note "};
    while (s.size() + 2 < len) s += words[r.next() & 15];
    s.resize(len - 2);
    s += "\"}";
    return s;
}
inline std::vector<std::string> make_events(size_t n, size_t len) {
    Rng r(len);
    std::vector<std::string> v;
    for (size_t i = 0; i < n; i++) v.push_back(make_event(len, i, r));
    return v;
}
// Bytes written to the block device so far (all processes; /proc/self/io write_bytes counts
// whole large folios as dirty, so it overstates small overwrites many times).
inline uint64_t dev_written() {
    std::ifstream f("/proc/diskstats");
    std::string l;
    uint64_t best = 0;
    while (std::getline(f, l)) {
        std::istringstream is(l);
        std::string a, b, n;
        uint64_t v[8];
        is >> a >> b >> n;
        for (auto& q : v) is >> q;
        if (is && (n == "vda" || n == "sda" || n == "nvme0n1"))
            best += v[6] * 512;
    }
    return best;
}
inline uint64_t proc_io(char const* key, int pid = 0) {
    std::ifstream f("/proc/" + (pid ? std::to_string(pid) : std::string("self")) + "/io");
    std::string k;
    uint64_t v;
    while (f >> k >> v)
        if (k == std::string(key) + ":")
            return v;
    return 0;
}
