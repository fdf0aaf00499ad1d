#!/usr/bin/env python3
"""Runs the baseline cells and appends JSON lines to results.jsonl.

  ./run.py [limits] [null] [capstan] [redis] [nats] [nats210] [nats215] [rabbit] [etcd] [postgres] [mqtt] [ds] [s2] [kafka] [ws]
           [--rounds 3] [--work DIR] [--build DIR] [--secs 1.5] [--kafka-broker H:P|mock]
           [--parts pub,one,fan,many,million,idle,disk]

Every server is started here, bound to loopback, and stopped by its own pid.
A cell that saw other processes use more than 0.3 core is retried (at most --tries).
"""
import argparse, glob, json, os, resource, shutil, signal, socket, subprocess, sys, time
import figures

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.abspath(os.path.join(HERE, "../../.."))
ap = argparse.ArgumentParser()
ap.add_argument("what", nargs="*")
ap.add_argument("--rounds", type=int, default=3)
ap.add_argument("--work", default=os.environ.get("PEERS_WORK", os.path.join(REPO, "build/peers")))
ap.add_argument("--build", default="")
ap.add_argument("--secs", default="1.5")
ap.add_argument("--tries", type=int, default=2)
ap.add_argument("--kafka-broker", default="")
ap.add_argument("--modes", default="")
ap.add_argument("--nats-new", default="")
ap.add_argument("--nats215", default="nats-server")         # go install github.com/nats-io/nats-server/v2@v2.15.2
ap.add_argument("--ds", default="durable-streams-server")   # cargo install durable-streams
ap.add_argument("--s2", default="s2")                       # cargo install s2-cli
ap.add_argument("--parts", default="pub,echo,one,fan,many,million,idle,disk")
ap.add_argument("--cells", default="")                      # publish cells, by name: 64x1,64x64 (all: see pub_cells)
ap.add_argument("--capstand", default=os.path.join(REPO, "build/release/bin/capstand"))
ap.add_argument("--many", type=int, default=10000)
ap.add_argument("--events", type=int, default=1000000)
O = ap.parse_args()
W = os.path.abspath(O.work)
B = O.build or os.path.join(REPO, "build/release/peers")
O.nats_new = O.nats_new or W + "/trixie/root/usr/sbin/nats-server"
DATA, RES = W + "/data", W + "/res"
os.makedirs(DATA, exist_ok=True); os.makedirs(RES, exist_ok=True)
RESF = RES + "/results.jsonl"
live = []
what = O.what or ["null", "capstan"]
PARTS = set(O.parts.split(","))
stamp = int(time.time())

def log(*a): print(time.strftime("%H:%M:%S"), *a, flush=True)

def emit(row):
    row["run"] = stamp
    with open(RESF, "a") as f: f.write(json.dumps(row) + "\n")
    short = {k: v for k, v in row.items() if k in ("t", "peer", "mode", "layout", "conns", "win", "streams", "payload", "cell", "rate", "ev_s", "deliv_s", "MB_s", "msg_s", "topic", "producers", "window", "linger_ms", "p50_us", "p99_us", "max_us", "srv_cpu", "cli_cpu", "errs", "other_cpu", "restart_s", "B_ev", "pss_mb", "script", "how", "tls", "B_conn", "sub", "subs", "secs", "rss_anon_MB", "B_stream", "again_secs", "to_payload", "to_payload_whole", "sent_B", "received_B", "ms")}
    log(json.dumps(short))

def sh(cmd, timeout=300, env=None):
    try:
        p = subprocess.run(cmd, capture_output=True, text=True, timeout=timeout, env=env)
    except subprocess.TimeoutExpired:
        log("timeout", cmd[:3]); return []
    rows = []
    for l in p.stdout.splitlines():
        if l.startswith("{"):
            try: rows.append(json.loads(l))
            except ValueError: pass
    if p.stderr.strip(): log("stderr", p.stderr.strip()[:300])
    if p.returncode: log("failed with", p.returncode, " ".join(cmd[:3])); return []
    return rows

def cell(cmd, extra=None, timeout=300, tries=None):
    """Runs one measurement; keeps the quietest of a few tries, records how quiet it was."""
    best = None
    for _ in range(tries or O.tries):
        rows = sh([str(x) for x in cmd], timeout)
        if not rows: continue
        if best is None or rows[0].get("other_cpu", 0) < best[0].get("other_cpu", 0): best = rows
        if best[0].get("other_cpu", 0) <= 0.3: break
    for r in best or []:
        r.update(extra or {}); emit(r)
    return best[0] if best else None

def start(cmd, logname, env=None, cwd=None):
    f = open(f"{RES}/{logname}.log", "ab")
    p = subprocess.Popen([str(c) for c in cmd], stdout=f, stderr=f, stdin=subprocess.DEVNULL, env=env, cwd=cwd, start_new_session=True)
    live.append(p); return p

def stop(p, sig=signal.SIGTERM, wait=60):
    if p.poll() is None:
        p.send_signal(sig)
        try: p.wait(wait)
        except subprocess.TimeoutExpired: p.kill(); p.wait()
    if p in live: live.remove(p)

def tree(pid):
    kids = {}
    for d in glob.glob("/proc/[0-9]*/stat"):
        try: s = open(d).read()
        except OSError: continue
        q = s.rsplit(")", 1)[1].split(); kids.setdefault(int(q[1]), []).append(int(s.split()[0]))
    out, todo = [], [pid]
    while todo: x = todo.pop(); out.append(x); todo += kids.get(x, [])
    return out

def pss_mb(pid):
    t = 0
    for p in tree(pid):
        try:
            for l in open(f"/proc/{p}/smaps_rollup"):
                if l.startswith("Pss:"): t += int(l.split()[1])
        except OSError: pass
    return t / 1024

def du(path):
    a = b = 0
    for r, _, fs in os.walk(path):
        for f in fs:
            try: s = os.lstat(os.path.join(r, f)); a += s.st_size; b += s.st_blocks * 512
            except OSError: pass
    return a, b

def wait_tcp(port, t=60, send=None, expect=None, step=0.005):
    t0 = time.time()
    while time.time() - t0 < t:
        try:
            s = socket.create_connection(("127.0.0.1", port), 2)
            if send is None: s.close(); return time.time() - t0
            s.settimeout(5); s.sendall(send); b = b""
            while expect not in b:
                x = s.recv(65536)
                if not x: break
                b += x
                if b.startswith(b"-LOADING"): break
            s.close()
            if expect in b: return time.time() - t0
        except OSError: pass
        time.sleep(step)
    return -1

def fresh(name):
    d = f"{DATA}/{name}"; shutil.rmtree(d, ignore_errors=True); os.makedirs(d); return d

# ---------------------------------------------------------------- servers
def out(*c): return subprocess.run(c, capture_output=True, text=True).stdout
RABBIT = next((l for l in out("dpkg", "-L", "rabbitmq-server").split() if "/rabbitmq_server-" in l and l.endswith("/sbin/rabbitmq-server")), "rabbitmq-server")
class Srv:
    layout = ""; bench = "netbench"; fan_kw = [[]]; pub_extra = []; pre = 1 # streams to make before the publish cells
    def __init__(s, mode): s.mode = mode; s.p = None
    def args(s): return ["--peer", s.peer, "--mode", s.mode, "--port", s.port, "--server-pid", s.pid()] + ([] if not s.layout else ["--layout", s.layout])
    def pid(s): return str(s.p.pid)
    def setup(s, n): pass
    def begin(s): s.d = fresh(s.peer); s.up()
    def end(s): stop(s.p); shutil.rmtree(s.d, ignore_errors=True)
    def restart(s, sig): stop(s.p, sig); s.up(); return s.ready_s
    def quiesce(s): time.sleep(1.5)
    def size(s): return du(s.d)

class Null(Srv):
    peer, port = "null", 7101
    def up(s):
        s.p = start([B + "/null_log_server", s.port, s.d + "/j", s.mode, 1024 if s.mode != "none" else 16], "null"); s.ready_s = wait_tcp(s.port)

class Capstan(Srv): # as a user would start it: a data directory, two addresses, a file of tokens, else the defaults
    peer, port, pre = "capstan", 7150, O.many
    TOKEN = "bench-token-0123456789abcdef"
    def up(s):
        with open(s.d + "/tokens", "w") as f: f.write(s.TOKEN + " bench/load all:bench/>\n")
        with open(s.d + "/token", "w") as f: f.write(s.TOKEN)
        s.p = start([O.capstand, "--data-dir", s.d + "/data", "--listen", "127.0.0.1:%d" % s.port, "--admin-listen", "127.0.0.1:%d" % (s.port + 1), "--auth-token-file", s.d + "/tokens"], "capstan")
        s.ready_s = wait_tcp(s.port + 1, 120, b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n", b" 200 ")
    def args(s): return super().args() + ["--token-file", s.d + "/token"]
    def setup(s, n, *more):
        if not cell([B + "/netbench", "setup"] + s.args() + ["--streams", n, *more], tries=1): sys.exit("no streams, so no figures")
    def size(s): return du(s.d + "/data/journal") if os.path.isdir(s.d + "/data/journal") else du(s.d + "/data")

class Redis(Srv):
    peer, port = "redis", 7102
    def up(s):
        s.p = start(["redis-server", "--port", s.port, "--bind", "127.0.0.1", "--dir", s.d, "--appendonly", "yes", "--appendfsync", s.mode, "--save", "", "--daemonize", "no"], "redis")
        s.ready_s = wait_tcp(s.port, 120, b"PING\r\n", b"+PONG")

class Nats(Srv):
    peer, port = "nats", 7103
    fan_kw = [["--sub", "js-consumer"], ["--sub", "core"]]
    def up(s):
        with open(s.d + "/../nats.conf", "w") as f: f.write('listen: "127.0.0.1:%d"\nmax_pending: 536870912\njetstream { store_dir: "%s/js", max_file_store: 20GB, max_memory_store: 1GB%s }\n' % (s.port, s.d, ", sync_interval: always" if "always" in s.mode else ""))
        s.p = start([O.nats_new if s.mode.startswith("2.10") else O.nats215 if s.mode.startswith("2.15") else "nats-server", "-c", s.d + "/../nats.conf"], "nats")
        s.ready_s = wait_tcp(s.port, 120, b'CONNECT {"verbose":false}\r\nSUB r 1\r\nPUB $JS.API.INFO r 0\r\n\r\n', b'"memory"')
    def setup(s, n): cell([B + "/netbench", "setup", "--peer", "nats", "--port", s.port, "--streams", n, "--limit", 200] + (["--layout", "many"] if s.layout == "many" else []), {"mode": s.mode}, tries=1)

class Ds(Srv): # Durable Streams (Rust server), JSON mode: a message = an event, a POST = a batch
    peer, port, made, pre, more = "ds", 7140, False, O.many, []
    def up(s):
        s.p = start([O.ds, "--port", s.port, "--data-dir", s.d + "/d", "--durability", s.mode], "ds")
        s.ready_s = wait_tcp(s.port, 120, b"HEAD /s0 HTTP/1.1\r\nHost: l\r\n\r\n", b"HTTP/1.1 200" if s.made else b"HTTP/1.1 404")
    def begin(s): s.made = False; super().begin()
    def setup(s, n): cell([B + "/netbench", "setup", "--peer", s.peer, "--port", s.port, "--streams", n] + s.more, {"mode": s.mode}, tries=1); s.made = True

class S2(Ds): # s2-lite on local files, protobuf over HTTP/1.1; it listens on every address: see lo_only()
    peer, port, pre, more = "s2", 7141, 1, ["--basin-config", '{"config":{"create_stream_on_append":true}}']
    def up(s):
        s.p = start([O.s2, "lite", "--local-root", s.d + "/d", "--port", s.port, "--no-dashboard"], "s2", dict(os.environ, RUST_LOG="error", **({"SL8_FLUSH_INTERVAL": s.mode[6:]} if s.mode.startswith("flush ") else {})))
        s.ready_s = wait_tcp(s.port, 120, b"GET /v1/streams/s0/records/tail HTTP/1.1\r\nHost: l\r\nS2-Basin: bench-basin\r\n\r\n", b"HTTP/1.1 200" if s.made else b"HTTP/1.1 404")

def lo_only(): # starts this run again in a network of its own, with loopback only
    if {n for _, n in socket.if_nameindex()} != {"lo"}: os.execvp("unshare", ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable] + sys.argv)

class Rabbit(Srv):
    peer, port = "rabbit", 7104
    def up(s):
        n = "7105"
        env = dict(os.environ, HOME=s.d, ERL_EPMD_PORT=n, RABBITMQ_NODENAME="bench@localhost", RABBITMQ_MNESIA_BASE=s.d + "/mnesia", RABBITMQ_LOG_BASE=s.d + "/log", RABBITMQ_LOGS="-", RABBITMQ_ENABLED_PLUGINS_FILE=s.d + "/plugins", RABBITMQ_CONFIG_FILE=s.d + "/rabbit.conf", RABBITMQ_DIST_PORT="7107", ERL_EPMD_ADDRESS="127.0.0.1", RABBITMQ_PID_FILE=s.d + "/pid")
        open(s.d + "/plugins", "w").write("[rabbitmq_stream].\n")
        open(s.d + "/rabbit.conf", "w").write("listeners.tcp.1 = 127.0.0.1:7106\nstream.listeners.tcp.1 = 127.0.0.1:%d\nstream.initial_credits = 50000\nstream.credits_required_for_unblocking = 12500\n" % s.port)
        if not getattr(s, "epmd", None): s.epmd = start(["epmd", "-port", n, "-address", "127.0.0.1"], "epmd"); time.sleep(.3)
        s.p = start([RABBIT], "rabbit", env)
        # ready when the stream listener answers a PeerProperties request
        s.ready_s = wait_tcp(s.port, 120, b"\0\0\0\x0c\0\x11\0\x01\0\0\0\x01\0\0\0\0", b"product", .02)
    def setup(s, n): cell([B + "/netbench", "setup", "--peer", "rabbit", "--port", s.port, "--streams", n, "--limit", 150], {"mode": s.mode}, tries=1)
    def beam(s): # the start script forks the node: signals go to the node itself
        return next((p for p in tree(s.p.pid) if "beam" in open(f"/proc/{p}/comm").read()), s.p.pid)
    def pid(s): return str(s.beam())
    def down(s, sig):
        os.kill(s.beam(), sig)
        try: s.p.wait(60)
        except subprocess.TimeoutExpired: stop(s.p)
        if s.p in live: live.remove(s.p)
    def restart(s, sig): s.down(sig); time.sleep(.3); s.up(); return s.ready_s
    def end(s): s.down(signal.SIGTERM); stop(s.epmd); shutil.rmtree(s.d, ignore_errors=True); s.epmd = None

class Etcd(Srv):
    peer, port, bench = "etcd", 7120, "etcdbench"
    def up(s):
        u = "http://127.0.0.1:%d" % s.port
        s.p = start(["etcd", "--data-dir", s.d, "--listen-client-urls", u, "--advertise-client-urls", u, "--listen-peer-urls", "http://127.0.0.1:7121", "--initial-advertise-peer-urls", "http://127.0.0.1:7121", "--initial-cluster", "default=http://127.0.0.1:7121", "--quota-backend-bytes", 8 << 30, "--log-level", "error"], "etcd")
        s.ready_s = wait_tcp(s.port, 120, b"GET /health HTTP/1.0\r\n\r\n", b'"true"')

class Mqtt(Srv):
    peer, port = "mqtt", 7108
    def up(s):
        open(s.d + "/m.conf", "w").write("listener %d 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 0\nmax_queued_messages 0\npersistence true\npersistence_location %s/\n" % (s.port, s.d))
        subprocess.run(["chown", "-R", "mosquitto", s.d]); s.p = start(["mosquitto", "-c", s.d + "/m.conf"], "mqtt"); s.ready_s = wait_tcp(s.port)

# Publish cells by name: what netbench is given. A draw by event (many streams) is Capstan's alone: a frame of its holds
# runs of several streams then; other peers have no frames, or only frames of one stream.
def pub_cells(s, deep=64, many=True):
    one, more = ["--streams", 1], ["--streams", O.many]
    cells = {f"{c}x{w}": ["--conns", c, "--win", w] + one for c in (1, 16, 64) for w in (1, deep)}
    cells |= {f"64x{w}-1KB": ["--conns", 64, "--win", w, "--payload", 1024] + one for w in (1, deep)}
    if many: cells |= {f"64x{w}-many": ["--conns", 64, "--win", w] + more for w in (1, deep)}
    if many and isinstance(s, Capstan):
        cells |= {f"64x{w}-many-share": ["--conns", 64, "--win", w, "--of", "share"] + more for w in (1, deep)}
        cells |= {f"64x{deep}-many-{of}-by-event": ["--conns", 64, "--win", deep, "--of", of, "--draw", "event"] + more for of in ("all", "share")}
    wanted = O.cells.split(",") if O.cells else list(cells) + ["half", "paced"]
    n = [B + "/" + s.bench, "pub"] + s.args() + ["--secs", O.secs, "--warm", "0.6"]
    rates = {}
    def take(names):
        for name in [x for x in names if x in wanted]:
            r = cell(n + cells[name], {"cell": name}); rates[name] = r["ev_s"] if r else 0
    several = [x for x in cells if "many" in x] # last: what they leave to do must not be seen in the paced cells
    take([x for x in cells if x not in several])
    best = max([r for x, r in rates.items() if x in ("1x1", "16x1", "64x1")], default=0)
    if "half" in wanted and best: cell(n + ["--conns", 16, "--rate", int(best / 2), "--streams", 1], {"cell": "half", "half": 1})
    if "paced" in wanted: cell(n + ["--conns", 16, "--rate", 5000, "--streams", 1], {"cell": "paced", "paced": 1})
    take(several)

def fill(s, streams, conns=64, win=64, events=0, more=()):
    return cell([B + "/" + s.bench, "fill"] + s.args() + ["--conns", conns, "--win", win, "--streams", streams, "--events", events or O.events, *more], tries=1)

def sizes(s, streams, sub=""):
    if s.peer == "null": return  # its journal is written in advance
    a, b = s.size(); emit({"t": "size", "peer": s.peer, "mode": s.mode, "layout": s.layout, "streams": streams, "state": sub, "events": 0 if sub else O.events, "B_ev": None if sub else round(a / O.events, 1), "B_ev_alloc": round(b / O.events, 1), "pss_mb": round(pss_mb(s.p.pid), 1)})

def restarts(s, streams):
    for sig, nm in ((signal.SIGTERM, "clean"), (signal.SIGKILL, "kill -9")):
        for _ in range(O.rounds):
            t = s.restart(sig); emit({"t": "restart", "peer": s.peer, "mode": s.mode, "layout": s.layout, "streams": streams, "how": nm, "restart_s": round(t, 3)}); time.sleep(.3)

def suite(mk, modes, many_layouts=("",), catch=True, deep=64):
    for m in modes:
        if O.modes and mk is not Null and mk is not Capstan and m not in O.modes.split(","): continue
        if "pub" in PARTS:
            for _ in range(O.rounds):
                s = mk(m); s.begin(); s.setup(s.pre); pub_cells(s, deep, many=mk is not Rabbit); s.end()
        if "one" in PARTS or "fan" in PARTS:
            s = mk(m); s.begin(); s.setup(1)
            if "one" in PARTS:
                fill(s, 1); s.quiesce(); sizes(s, 1)
                if catch and m != "none":
                    for _ in range(O.rounds): cell([B + "/" + s.bench, "catchup"] + s.args() + ["--events", O.events])
            if "fan" in PARTS:
                for kw in s.fan_kw:
                    best = 0
                    for _ in range(O.rounds):
                        r = cell([B + "/" + s.bench, "fanout"] + s.args() + kw + ["--subs", 100, "--win", 16, "--secs", O.secs]); best = max(best, r["deliv_s"] if r else 0)
                    for _ in range(O.rounds): cell([B + "/" + s.bench, "fanout"] + s.args() + kw + ["--subs", 100, "--rate", int(best / 200), "--secs", O.secs], {"half": 1})
                    for _ in range(O.rounds): cell([B + "/" + s.bench, "fanout"] + s.args() + kw + ["--subs", 100, "--rate", 100, "--secs", O.secs], {"paced100": 1})
                    for _ in range(O.rounds): cell([B + "/" + s.bench, "fanout"] + s.args() + kw + ["--subs", 1000, "--win", 16, "--secs", O.secs])
            if "one" in PARTS and mk not in (Null, Mqtt): restarts(s, 1)
            s.end()
        if "many" in PARTS and mk is not Mqtt:
            for lay in many_layouts:
                # JetStream keeps 2 descriptors per stream open: 20,000 descriptors (the limit here) hold 9,990 streams
                n = min(O.many, 9000) if lay == "many" else min(O.many, 5000) if mk is Rabbit else O.many  # RabbitMQ: 10,000 streams end in emfile
                s = mk(m); s.layout = lay; s.begin(); s.setup(n); sizes(s, n, "empty")
                if mk is Capstan:
                    cell([B + "/netbench", "reconnect"] + s.args() + ["--streams", n, "--moved", 10], tries=1)
                    for _ in range(O.rounds): kill_at_last_ack(s, n, lambda: fill(s, n, more=["--then-kill", 1]))
                fill(s, n); s.quiesce(); sizes(s, n)
                if mk is not Null: restarts(s, n)
                s.end()

# ---------------------------------------------------------------- Capstan alone: many streams, idle connections
def rss_anon(pid): return next(int(l.split()[1]) * 1024 for l in open(f"/proc/{pid}/status") if l.startswith("RssAnon:"))

def kill_at_last_ack(s, streams, load): # the load sends SIGKILL as soon as it has its last ack
    load(); emit({"t": "restart", "peer": s.peer, "mode": s.mode, "streams": streams, "how": "kill -9 at the last ack", "restart_s": round(s.restart(signal.SIGKILL), 3)}); time.sleep(.3)

def million(): # a million streams under 1,000 descriptors: creation, memory once all is in a checkpoint, restart
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1000, hard))
    s = Capstan("durable")
    try:
        s.begin(); empty = rss_anon(s.p.pid); s.setup(1000000, "--again", 1)
        time.sleep(16) # checkpoints, and memory is given back
        m = rss_anon(s.p.pid); emit({"t": "memory", "peer": s.peer, "streams": 1000000, "rss_anon_MB": round(m / 1e6, 1), "B_stream": round((m - empty) / 1e6, 1)})
        for _ in range(O.rounds): emit({"t": "restart", "peer": s.peer, "mode": s.mode, "streams": 1000000, "how": "kill -9", "restart_s": round(s.restart(signal.SIGKILL), 3)}); time.sleep(.3)
        for _ in range(O.rounds): kill_at_last_ack(s, 1000000, lambda: s.setup(1000000, "--then-kill", 1))
    finally:
        if s.p: s.end()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

def idle():
    s = Capstan("durable"); s.begin()
    cell([B + "/netbench", "idle"] + s.args() + ["--conns", 10000], tries=1); s.end()

def unwritten(path): # the zeros at the end of a segment that is still being written
    with open(path, "rb") as f:
        end = f.seek(0, os.SEEK_END)
        for at in range(end - (1 << 20), -1, -(1 << 20)):
            f.seek(at); piece = f.read(1 << 20).rstrip(b"\0")
            if piece: return end - at - len(piece)
    return 0

def disk(): # what a live server has on disk, to the encoded bytes of the events: without the spare, and without the open segment's rest
    for name, conns, win, events in (("100 events a submission", 16, 100, O.events), ("single events, 64 publishers", 64, 1, O.events // 5), ("single events, one publisher", 1, 1, O.events // 50)):
        s = Capstan("durable"); s.begin(); s.setup(1); fill(s, 1, conns, win, events); s.quiesce()
        journal = s.d + "/data/journal"; segments = sorted(glob.glob(journal + "/segment-*"))
        whole = du(s.d + "/data")[1] - sum(os.lstat(p).st_blocks * 512 for p in glob.glob(journal + "/spare*"))
        emit({"t": "disk", "peer": s.peer, "cell": name, "events": events, "to_payload": round((whole - unwritten(segments[-1])) / (events * 200), 3), "to_payload_whole": round(whole / (events * 200), 3)})
        s.end()

def capstan():
    suite(Capstan, ["durable"])
    if "million" in PARTS: million()
    if "idle" in PARTS: idle()
    if "disk" in PARTS: disk()

# ---------------------------------------------------------------- PostgreSQL (pgbench)
PGBIN = out("pg_config", "--bindir").strip()
class Pg(Srv):
    peer, port = "postgres", 7130
    CONF = {"shared_buffers": "2GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min", "max_connections": "300", "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "wal_sync_method": "fdatasync"}
    def begin(s):
        s.d = fresh(s.peer); subprocess.run(["chown", "postgres", s.d], check=True)
        subprocess.run(["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", PGBIN + "/initdb", "-D", s.d + "/db", "-A", "trust", "-U", "bench", "-E", "UTF8"], check=True, stdout=subprocess.DEVNULL)
        s.up(); s.psql("CREATE TABLE streams(id bigint PRIMARY KEY, seq bigint NOT NULL) WITH (fillfactor=50)", "INSERT INTO streams SELECT g,0 FROM generate_series(0,%d) g" % (O.many - 1), "CREATE TABLE ev_c(stream bigint, seq bigint, payload text NOT NULL, PRIMARY KEY(stream,seq))", "CREATE TABLE ev_i(id bigserial PRIMARY KEY, stream bigint, payload text NOT NULL)", "VACUUM streams", "CHECKPOINT")
    def up(s):
        o = []
        for k, v in dict(s.CONF, port=s.port, synchronous_commit="off" if s.mode == "sync_commit=off" else "on").items(): o += ["-c", f"{k}={v}"]
        t0 = time.time(); s.p = start(["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", PGBIN + "/postgres", "-D", s.d + "/db"] + o, "postgres")
        while subprocess.run(["psql", "-qAt", "-h", "127.0.0.1", "-p", str(s.port), "-U", "bench", "-d", "postgres", "-c", "select count(*) from (select 1 from streams limit 1) x" if os.path.exists(s.d + "/made") else "select 1"], capture_output=True).returncode and time.time() - t0 < 120: time.sleep(.01)
        s.ready_s = time.time() - t0
    def psql(s, *q):
        for x in q: subprocess.run(["psql", "-qAt", "-h", "127.0.0.1", "-p", str(s.port), "-U", "bench", "-d", "postgres", "-c", x], check=True, stdout=subprocess.DEVNULL)
    def ci(s): return f"host=127.0.0.1 port={s.port} user=bench dbname=postgres"
    def end(s): stop(s.p, signal.SIGINT); shutil.rmtree(s.d, ignore_errors=True)
    def restart(s, sig): stop(s.p, signal.SIGINT if sig == signal.SIGTERM else signal.SIGQUIT); s.up(); return s.ready_s

PGS = {
 "identity": "\\set s random(0, {n})\nINSERT INTO ev_i(stream,payload) VALUES (:s, :pl) RETURNING id;\n",
 "counter": "\\set s random(0, {n})\nWITH c AS (UPDATE streams SET seq=seq+1 WHERE id=:s RETURNING id, seq) INSERT INTO ev_c SELECT id, seq, :pl FROM c RETURNING seq;\n",
 "for_update": "\\set s random(0, {n})\nBEGIN;\nSELECT seq+1 AS q FROM streams WHERE id=:s FOR UPDATE \\gset\nUPDATE streams SET seq=:q WHERE id=:s;\nINSERT INTO ev_c VALUES (:s, :q, :pl);\nCOMMIT;\n",
 "batch100": "INSERT INTO ev_i(stream,payload) VALUES " + ",".join(["(0, :pl)"] * 100) + ";\n",
}
def cpu(pid):
    t = 0
    for p in tree(pid):
        try: q = open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split(); t += sum(map(int, q[11:15]))
        except OSError: pass
    return t / os.sysconf("SC_CLK_TCK")
def busy(): return sum(int(x) for x in open("/proc/stat").readline().split()[1:4]) / os.sysconf("SC_CLK_TCK")

def pgbench(s, script, conns, streams, payload=200, rate=0, extra=None, tries=None):
    d = W + "/pg"; shutil.rmtree(d, ignore_errors=True); os.makedirs(d)
    open(d + "/s.sql", "w").write(PGS[script].format(n=streams - 1))
    pl = ('{"id":"0123456789abcdef","type":"message.created","actor":"user-1","body":"' + "the quick update of document row position " * 40)[:payload - 2] + '"}'
    best = None
    for _ in range(tries or O.tries):
        for _ in range(int(float(os.environ.get('QUIET_S', '15')) * 4) + 1):
            b0 = busy(); time.sleep(.25)
            if busy() - b0 < .05: break
        for f in glob.glob(d + "/l*"): os.unlink(f)
        cmd = [PGBIN + "/pgbench", "-n", "-M", "prepared", "-f", d + "/s.sql", "-c", str(conns), "-j", "1", "-T", "2", "-D", "pl=" + pl, "-l", "--log-prefix", d + "/l", "-h", "127.0.0.1", "-p", str(s.port), "-U", "bench"] + (["-R", str(rate)] if rate else []) + ["postgres"]
        b0, c0, t0 = busy(), cpu(s.p.pid), time.time(); k0 = os.times()
        p = subprocess.run(cmd, capture_output=True, text=True); dt = time.time() - t0; k1 = os.times()
        cc = (k1.children_user + k1.children_system - k0.children_user - k0.children_system); sc = cpu(s.p.pid) - c0
        tps = next((float(l.split()[2]) for l in p.stdout.splitlines() if l.startswith("tps =")), 0)
        if not tps: log(p.stderr[-300:]); continue
        lat = sorted(int(l.split()[2]) for f in glob.glob(d + "/l*") for l in open(f))
        mult = 100 if script == "batch100" else 1
        row = {"t": "pub", "peer": "postgres", "mode": s.mode, "script": script, "conns": conns, "win": 1, "streams": streams, "payload": payload, "rate": rate, "ev_s": tps * mult, "p50_us": lat[len(lat) // 2], "p99_us": lat[int(len(lat) * .99)], "srv_cpu": round(sc / dt, 3), "cli_cpu": round(cc / dt, 3), "other_cpu": max(0, round((busy() - b0 - sc - cc) / dt, 3)), "errs": 0}
        row.update(extra or {})
        if best is None or row["other_cpu"] < best["other_cpu"]: best = row
        if best["other_cpu"] <= .3: break
    if best: emit(best)
    return best

def postgres():
    for m in ("durable", "sync_commit=off"):
        if O.modes and mk is not Null and mk is not Capstan and m not in O.modes.split(","): continue
        if "pub" in PARTS:
            s = Pg(m); s.begin()
            for _ in range(O.rounds):
                best = 0
                for c in (1, 16, 64):
                    r = pgbench(s, "identity", c, 1); best = max(best, r["ev_s"] if r else 0)
                for c in (1, 16, 64): pgbench(s, "counter", c, O.many)
                pgbench(s, "counter", 64, 1)
                if m == "durable": pgbench(s, "for_update", 64, O.many); pgbench(s, "for_update", 64, 1); pgbench(s, "identity", 64, 1, 1024)
                pgbench(s, "batch100", 16, 1)
                pgbench(s, "identity", 64, 1, rate=int(best / 2), extra={"half": 1})
                s.psql("TRUNCATE ev_c, ev_i", "UPDATE streams SET seq=0", "VACUUM streams", "CHECKPOINT")
            s.end()
        if m != "durable": continue
        pl = "'{\"id\":\"' || md5(g::text) || '\",\"body\":\"' || repeat('x', 200-51) || '\"}'"
        if "one" in PARTS or "fan" in PARTS:
            s = Pg(m); s.begin()
            if "one" in PARTS:
                a0 = s.size()[0]; s.psql(f"INSERT INTO ev_c SELECT 0, g, {pl} FROM generate_series(1,{O.events}) g", "CHECKPOINT")
                r = subprocess.run(["psql", "-qAt", "-h", "127.0.0.1", "-p", str(s.port), "-U", "bench", "-d", "postgres", "-c", "select pg_total_relation_size('ev_c')"], capture_output=True, text=True).stdout
                emit({"t": "size", "peer": "postgres", "mode": m, "layout": "table+pk", "streams": 1, "events": O.events, "B_ev": round(int(r) / O.events, 1), "B_ev_alloc": round((s.size()[1]) / O.events, 1), "pss_mb": round(pss_mb(s.p.pid), 1)})
                s.psql("ANALYZE ev_c")
                for how in ("copy", "pages"):
                    for _ in range(O.rounds): cell([B + "/pgread", how, "--conn", s.ci(), "--server-pid", s.pid(), "--events", O.events, "--mode", m])
            if "fan" in PARTS:
                best = 0
                for _ in range(O.rounds): r = cell([B + "/pgread", "fanout", "--conn", s.ci(), "--server-pid", s.pid(), "--win", 16, "--secs", O.secs, "--mode", m]); best = max(best, r["deliv_s"] if r else 0)
                for _ in range(O.rounds): cell([B + "/pgread", "fanout", "--conn", s.ci(), "--server-pid", s.pid(), "--rate", int(best / 200), "--secs", O.secs, "--mode", m], {"half": 1})
                for _ in range(O.rounds): cell([B + "/pgread", "fanout", "--conn", s.ci(), "--server-pid", s.pid(), "--rate", 100, "--secs", O.secs, "--mode", m], {"paced100": 1})
            if "one" in PARTS: restarts(s, 1)
            s.end()
        if "many" in PARTS:
            s = Pg(m); s.begin(); s.psql(f"INSERT INTO ev_c SELECT g % {O.many}, g / {O.many}, {pl} FROM generate_series(0,{O.events}-1) g", "CHECKPOINT")
            r = subprocess.run(["psql", "-qAt", "-h", "127.0.0.1", "-p", str(s.port), "-U", "bench", "-d", "postgres", "-c", "select pg_total_relation_size('ev_c')"], capture_output=True, text=True).stdout
            emit({"t": "size", "peer": "postgres", "mode": m, "layout": "table+pk", "streams": O.many, "events": O.events, "B_ev": round(int(r) / O.events, 1), "B_ev_alloc": round((s.size()[1]) / O.events, 1), "pss_mb": round(pss_mb(s.p.pid), 1)})
            restarts(s, O.many); s.end()

def limits():
    for _ in range(O.rounds):
        for w in ("sync", "journal", "bw", "tcp"):
            for r in sh([B + "/limits", w, "--dir", DATA, "--rounds", "1"], 600): emit(r)
    for r in sh([B + "/limits_lmdb", "all", "--dir", DATA, "--rounds", str(O.rounds), "--secs", "0.5"], 900): emit(r)
    p = subprocess.run(["strace", "-f", "-c", "-o", RES + "/lmdb.strace", B + "/limits_lmdb", "strace", "--dir", DATA, "--rounds", "1"]); log("strace", p.returncode)

def ws():
    c, k = W + "/cert.pem", W + "/key.pem"
    if not os.path.exists(c): subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", k, "-out", c, "-days", "3", "-subj", "/CN=localhost"], check=True, stderr=subprocess.DEVNULL)
    for _ in range(O.rounds):
        for tls in (0, 1):
            for n, d in ((1, 1), (64, 1), (1000, 1), (64, 16)):
                p = start([B + "/ws_echo_server", "--port", 7110] + (["--cert", c, "--key", k] if tls else []), "ws"); wait_tcp(7110)
                cell([B + "/ws_load", "echo", "--port", 7110, "--conns", n, "--depth", d, "--tls", tls, "--server-pid", p.pid, "--secs", O.secs]); stop(p)
            p = start([B + "/ws_echo_server", "--port", 7110] + (["--cert", c, "--key", k] if tls else []), "ws"); wait_tcp(7110)
            cell([B + "/ws_load", "idle", "--port", 7110, "--conns", 10000, "--tls", tls, "--server-pid", p.pid], tries=1); stop(p)

def broker(*c):
    p = subprocess.run([HERE + "/kafka/broker.sh", *c], env=dict(os.environ, KAFKA_WORK=DATA + "/kafka"), stdout=subprocess.PIPE, text=True); return p.stdout.strip()

def kafka(): # a broker of our own unless --kafka-broker names one, or is "mock"
    if O.kafka_broker == "mock":
        for _ in range(O.rounds):
            for m in ("produce", "latency", "e2e", "consume"): cell([B + "/kafkabench", m, "--mock", 3, "--cconf", "fetch.wait.max.ms=10", "--events", 8000 if m == "consume" else 200000], timeout=120, tries=1)
        return
    own = not O.kafka_broker
    if own: broker("stop"); shutil.rmtree(DATA + "/kafka", ignore_errors=True)
    br = broker("start") if own else O.kafka_broker
    pid = lambda: open(DATA + "/kafka/1/pid").read().strip() if own else 0
    k = lambda mode, topic, *c: cell([B + "/kafkabench", mode, "--brokers", br, "--topic", topic, "--server-pid", pid(), *c])
    try:
        for t, c in (("noflush", ""), ("flush", "flush.messages=1")):
            sh([B + "/kafkabench", "topic", "--brokers", br, "--topic", t, "--tconf", c])
            for m, *x in (("window", "--window", "4096", "--secs", "4"), ("echo", "--secs", "10"), ("e2e", "--rate", "5000", "--secs", "6")): sh([B + "/kafkabench", m, "--brokers", br, "--topic", t, *x]) # for the JIT
        fast = ["--pconf", "socket.nagle.disable=true", "--cconf", "socket.nagle.disable=true,fetch.wait.max.ms=100,fetch.min.bytes=1"]
        for _ in range(O.rounds):
            for t in ("noflush", "flush"):
                if "pub" in PARTS:
                    k("produce", t, "--events", O.events)
                    for lg in (0, 5):
                        for w in (1, 64, 4096): k("window", t, "--window", w, "--linger", lg, "--secs", O.secs, *fast)
                    k("window", t, "--producers", 64, "--secs", O.secs, "--warm", 2, *fast)
                if "echo" in PARTS:
                    for w in (1, 64): k("echo", t, "--window", w, "--secs", 4, *fast)
                    for r, x in ((1000, ""), (5000, ""), (5000, ",max.in.flight=1")): k("e2e", t, "--rate", r, "--secs", 3, "--pconf", fast[1] + x, *fast[2:])
        if "one" in PARTS and own:
            sh([B + "/kafkabench", "topic", "--brokers", br, "--topic", "one"]); k("produce", "one", "--events", O.events)
            a, b = du(DATA + "/kafka/1/data/one-0"); emit({"t": "size", "peer": "kafka", "streams": 1, "events": O.events, "B_ev": round(a / O.events, 1), "B_ev_alloc": round(b / O.events, 1), "pss_mb": round(pss_mb(int(pid())), 1)})
            for how in ("clean", "kill -9"):
                for _ in range(O.rounds):
                    broker("stop", *([] if how == "clean" else ["kill"])); t0 = time.time(); broker("start"); emit({"t": "restart", "peer": "kafka", "how": how, "restart_s": round(time.time() - t0, 3)}); sh([B + "/kafkabench", "produce", "--brokers", br, "--topic", "one", "--events", "1000"])
            k("produce", "one", "--events", O.events)
            for _ in range(O.rounds):
                for how in ("poll", "batch"): k("consume", "one", "--fill", 0, "--events", 2 * O.events, "--how", how)
    finally:
        if own: broker("stop")

FN = {
 "limits": limits, "ws": ws, "kafka": kafka, "postgres": postgres,
 "null": lambda: suite(Null, [m for m in ("sync", "write", "none") if m in O.modes.split(",")] or ["sync"]),
 "capstan": capstan,
 "redis": lambda: suite(Redis, ["always", "everysec"]),
 "nats": lambda: suite(Nats, ["default"], ("subject-each", "many")),
 "nats210": lambda: suite(Nats, ["2.10 sync=always"], ("subject-each", "many")),
 "nats210d": lambda: suite(Nats, ["2.10 default"], ("subject-each", "many")),
 "nats215": lambda: suite(Nats, ["2.15 sync=always", "2.15 default"], ("subject-each",)),
 "etcd": lambda: suite(Etcd, ["durable"]),
 "ds": lambda: suite(Ds, ["wal", "memory"]),
 "s2": lambda: suite(S2, ["flush 5ms", "flush 1ms"]),
 "rabbit": lambda: suite(Rabbit, ["default"]),
 "mqtt": lambda: suite(Mqtt, ["default"], catch=False),
}
if "s2" in what: lo_only()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
try:
    for x in what: log("==", x); FN[x]()
finally:
    for p in list(live): stop(p)
if {"null", "capstan"} <= set(what): figures.print_figures(figures.Rows(RESF, str(stamp)))
