// Publish, catch-up and fan-out loads against any peer: the engine of load_engine.hpp with the
// peer's codec. Prints one JSON line a run.
//   netbench pub|fill|catchup|fanout|idle|setup|reconnect --peer
//   null|capstan|redis|nats|rabbit|mqtt|ds|s2
//            --port P [--server-pid PID,…] [--conns N] [--win W] [--streams N] [--payload BYTES]
//            [--secs S] [--warm S] [--rate EVENTS_PER_S] [--events N] [--subs N]
//            [--then-kill 1]: fill and setup send the servers SIGKILL with the last ack
#include <csignal>

#include "codecs/capstan.hpp"
#include "codecs/http.hpp"
#include "codecs/mqtt.hpp"
#include "codecs/nats.hpp"
#include "codecs/null.hpp"
#include "codecs/rabbit.hpp"
#include "codecs/redis.hpp"
#include "load_engine.hpp"

namespace {

constexpr uint64_t kPollNs = 50'000'000;

std::unique_ptr<Codec> make_codec(string const& mode, string const& peer, Args const& a) {
    int port = int(a.i("port", 0));
    if (peer == "null")
        return std::make_unique<NullCodec>();
    if (peer == "capstan")
        return std::make_unique<CapstanCodec>(CapstanOptions::from(a, mode));
    if (peer == "redis")
        return std::make_unique<RedisCodec>();
    if (peer == "mqtt")
        return std::make_unique<MqttCodec>();
    if (peer == "nats") {
        auto p = std::make_unique<NatsCodec>();
        p->many = a.s("layout") == "many";
        p->core = a.s("sub") == "core";
        p->port = port;
        return p;
    }
    if (peer == "rabbit") {
        auto p = std::make_unique<RabbitCodec>();
        p->streams = uint32_t(a.i("streams", 1));
        p->conns = uint32_t(a.i("conns", 1));
        p->port = port;
        return p;
    }
    if (peer == "ds" || peer == "s2") {
        auto p = std::make_unique<HttpCodec>();
        p->s2 = peer == "s2";
        p->raw = a.s("body") == "raw";
        p->fan = mode == "fanout";
        p->port = port;
        p->payload = size_t(a.i("payload", 200));
        return p;
    }
    die("which peer?");
}

double servers_cpu() {
    double v = 0;
    for (int p : g_pids) v += tree_cpu(p);
    return v;
}

/// What was used and done since the window opened.
struct Window {
    uint64_t opened = 0, acks = 0, delivered = 0, device_bytes = 0;
    double server = 0, client = 0;

    static Window open(Engine const& E) {
        g_noise.mark();
        return {now_ns(), E.acks, E.delivered, dev_written(), servers_cpu(), self_cpu()};
    }
    double seconds() const { return double(now_ns() - opened) / 1e9; }
    void cpu(Out& o) const {
        double s = seconds();
        o.num("srv_cpu", (servers_cpu() - server) / s).num("cli_cpu", (self_cpu() - client) / s);
    }
};

/// Sends at a fixed rate, whatever comes back.
struct Pace {
    uint64_t start;
    double gap;
    uint64_t sent = 0, dropped = 0;

    uint64_t due() const { return start + uint64_t(double(sent) * gap); }
    /// Sends what is due, in turn over the first `publishers` connections.
    void send(Engine& E, size_t publishers) {
        for (uint64_t t = now_ns(); due() <= t; sent++) {
            Conn& c = *E.cs[sent % publishers];
            if (c.inflight < Engine::kRing - 1 || E.fan)
                E.send1(c, due());
            else
                dropped++;
        }
        for (size_t i = 0; i < publishers; i++)
            if (!E.cs[i]->wantw)
                E.out(*E.cs[i]);
    }
    uint64_t wait() const {
        uint64_t now = now_ns();
        return due() > now ? due() - now : 0;
    }
};

class Load {
  public:
    Load(string mode, Args& a)
        : mode_(std::move(mode)), a_(a), codec_(make_codec(mode_, peer(), a)) {
        E.P = codec_.get();
        E.streams = uint32_t(a.i("streams", 1));
        E.payload = size_t(a.i("payload", 200));
        E.ev = codec_->events(1024, E.payload);
        E.W = uint64_t(a.i("win", 1));
    }

    int run() {
        if (mode_ == "setup") {
            codec_->setup(E.streams);
            kill_servers_if_asked();
        } else if (mode_ == "reconnect")
            codec_->reconnect(E.streams, uint32_t(a_.i("moved", 10)));
        else if (mode_ == "pub" || mode_ == "fill")
            publish();
        else if (mode_ == "catchup")
            catch_up();
        else if (mode_ == "fanout")
            fan_out();
        else if (mode_ == "idle")
            idle();
        else
            die("which mode?");
        if (E.errs)
            fprintf(stderr, "first error: %s\n", E.first_err.c_str());
        return 0;
    }

  private:
    string peer() const { return a_.s("peer"); }
    int port() const { return int(a_.i("port", 0)); }
    uint32_t conns() const { return uint32_t(a_.i("conns", 1)); }
    double rate() const { return a_.d("rate", 0); }

    void report(Out& o) {
        o.str("peer", peer()).str("mode", a_.s("mode", "default")).num("conns", conns());
        o.num("win", double(E.W)).num("streams", E.streams).num("payload", double(E.payload));
        o.str("draw", a_.s("draw", "frame"));
    }
    void percentiles(Out& o) {
        o.num("p50_us", E.h.us(.5)).num("p99_us", E.h.us(.99)).num("p999_us", E.h.us(.999));
    }

    void publish() {
        for (uint32_t i = 0; i < conns(); i++) E.add(port(), int(i), false);
        bool fill = mode_ == "fill";
        if (fill)
            E.target = uint64_t(a_.i("events", 1000000));
        wait_quiet();
        Pace pace{now_ns(), rate() > 0 ? 1e9 / rate() : 0};
        uint64_t measured = pace.start + uint64_t(fill ? 0 : a_.d("warm", 0.7) * 1e9);
        uint64_t end = measured + uint64_t(a_.d(fill ? "limit" : "secs", fill ? 300 : 3) * 1e9);
        E.refill = rate() <= 0;
        if (E.refill) {
            for (auto& c : E.cs) {
                for (uint64_t w = 0; w < E.W && (!E.target || E.evi < E.target); w++)
                    E.send1(*c, now_ns());
                E.out(*c);
            }
        }
        Window window =
            loop(measured, end, pace, conns(), [&] { return fill && E.acks >= E.target; });
        kill_servers_if_asked();
        double s = window.seconds();
        uint64_t acks = E.acks - window.acks;
        {
            Out o(mode_);
            report(o);
            o.str("layout", a_.s("layout", "")).num("rate", rate()).num("ev_s", double(acks) / s);
            percentiles(o);
            window.cpu(o);
            o.num(
                "dev_B_ev",
                double(dev_written() - window.device_bytes) / double(std::max<uint64_t>(1, acks)));
            o.num("errs", double(E.errs + pace.dropped));
        }
        if (!kills())
            drain();
    }

    bool kills() const { return a_.i("then-kill", 0) != 0; }
    /// With the last ack in, and nothing else done meanwhile.
    void kill_servers_if_asked() const {
        if (kills())
            for (int pid : g_pids) kill(pid, SIGKILL);
    }

    /// Runs until `end` or until it is done; the window opens at `measured`.
    template <class Done>
    Window loop(uint64_t measured, uint64_t end, Pace& pace, size_t publishers, Done done) {
        Window window = Window::open(E);
        for (;;) {
            uint64_t t = now_ns();
            if (!E.measuring && t >= measured) {
                window = Window::open(E);
                E.measuring = true;
            }
            if (t >= end || done())
                return window;
            uint64_t wait = kPollNs;
            if (pace.gap > 0) {
                pace.send(E, publishers);
                wait = std::min(wait, pace.wait());
            }
            E.poll(std::min(wait, end - t));
            if (E.fan && !E.cs[0]->wantw)
                E.out(*E.cs[0]);
        }
    }

    /// Lets what is in flight finish (bounded), so that the server is idle for the next run.
    void drain() {
        E.refill = false;
        uint64_t give_up = now_ns() + 3'000'000'000;
        auto busy = [&] {
            for (auto& c : E.cs)
                if (c->inflight)
                    return true;
            return false;
        };
        while (busy() && now_ns() < give_up) E.poll(kPollNs);
    }

    void catch_up() {
        uint64_t want = uint64_t(a_.i("events", 1000000));
        E.add(port(), 1000, true);
        E.refill = false;
        wait_quiet();
        Window window = Window::open(E);
        uint64_t give_up = now_ns() + uint64_t(a_.d("limit", 120) * 1e9), first = 0;
        codec_->subscribe(*E.cs[0], true);
        E.out(*E.cs[0]);
        while (E.delivered < want && now_ns() < give_up) {
            E.poll(kPollNs);
            if (!first && E.delivered)
                first = now_ns();
        }
        double s = window.seconds();
        Out o("catchup");
        report(o);
        o.num("events", double(E.delivered)).num("ev_s", double(E.delivered) / s);
        o.num("MB_s", double(E.dbytes) / s / 1e6)
            .num("first_ms", double(first - window.opened) / 1e6);
        window.cpu(o);
        o.num("errs", double(E.errs));
    }

    void fan_out() {
        E.subs = uint32_t(a_.i("subs", 100));
        E.fan = true;
        E.fancnt.resize(65536);
        E.streams = 1;
        E.refill = false;
        E.add(port(), 0, false);
        for (uint32_t i = 0; i < E.subs; i++) {
            E.add(port(), int(1000 + i), true);
            codec_->subscribe(*E.cs.back(), false);
            E.out(*E.cs.back());
        }
        for (uint64_t settled = now_ns() + 1'000'000'000; now_ns() < settled;) E.poll(20'000'000);
        wait_quiet();
        E.refill = rate() <= 0;
        Pace pace{now_ns(), rate() > 0 ? 1e9 / rate() : 0};
        uint64_t measured = pace.start + uint64_t(a_.d("warm", 0.7) * 1e9);
        if (E.refill) {
            for (uint64_t w = 0; w < E.W; w++) E.send1(*E.cs[0], now_ns());
            E.out(*E.cs[0]);
        }
        Window window = loop(
            measured, measured + uint64_t(a_.d("secs", 3) * 1e9), pace, 1, [] { return false; });
        double s = window.seconds();
        Out o("fanout");
        report(o);
        o.str("sub", a_.s("sub", "")).num("subs", E.subs).num("rate", rate());
        o.num("deliv_s", double(E.delivered - window.delivered) / s);
        percentiles(o);
        window.cpu(o);
        o.num("errs", double(E.errs));
    }

    /// Greeted connections that then say nothing: what each costs the server.
    void idle() {
        uint64_t before = resident_bytes(g_pids.at(0));
        for (uint32_t i = 0; i < conns(); i++) E.add(port(), int(1000 + i), true);
        sleep(1);
        uint64_t after = resident_bytes(g_pids.at(0));
        Out o("idle");
        report(o);
        o.num("rss_before_B", double(before)).num("B_conn", double(after - before) / conns());
    }

    static uint64_t resident_bytes(int pid) {
        std::ifstream f("/proc/" + std::to_string(pid) + "/status");
        for (string line; std::getline(f, line);)
            if (line.rfind("VmRSS:", 0) == 0)
                return strtoull(line.c_str() + 6, nullptr, 10) * 1024;
        die("no server to look at");
    }

    string mode_;
    Args& a_;
    std::unique_ptr<Codec> codec_;
    Engine E;
};

}  // namespace

int main(int argc, char** argv) {
    Args a(argc, argv);
    A = &a;
    prctl(PR_SET_TIMERSLACK, 1000);
    std::istringstream pids(a.s("server-pid"));
    for (string one; std::getline(pids, one, ',');) g_pids.push_back(atoi(one.c_str()));
    return Load(a.pos.at(0), a).run();
}
