"""A real server on a real data directory, the command line beside it, and damage to its files."""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

BIN = Path(os.environ["CAPSTAN_BUILD"]) / "bin"
BLOCK = 4096
DATA = 1  # kind of a frame
TOKEN = "test-token"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def check(condition, *what):
    if not condition:
        raise SystemExit("FAILED: " + " ".join(str(part) for part in what))


def environment(server):
    """Of a command that talks to this server, and keeps what it keeps beside its token."""
    state = server.token_file.parent / "state"
    return os.environ | {
        "CAPSTAN_SERVER": server.url,
        "CAPSTAN_TOKEN_FILE": str(server.token_file),
        "XDG_STATE_HOME": str(state),
    }


def capstan(*words, expect=0, server=None):
    """The JSON that a command shows. `expect`: its exit code."""
    done = subprocess.run(
        [BIN / "capstan", *map(str, words), "-o", "json"],
        capture_output=True,
        text=True,
        env=environment(server) if server else None,
    )
    check(done.returncode == expect, words, "ended with", done.returncode, done.stdout, done.stderr)
    try:
        return json.loads(done.stdout) if done.stdout else {"error": done.stderr}
    except json.JSONDecodeError:
        raise SystemExit(f"FAILED: {words} showed {done.stdout}")


class Server:
    """capstand on a directory, with small segments."""

    def __init__(self, data, token_file):
        self.data, self.token_file = data, token_file
        self.port, self.admin = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None
        self.log = Path(str(data) + ".log")

    def launch(self, checkpoint_ms=100, under=(), **environment):
        """Starts it, as the argument of the command `under`."""
        command = [*under, BIN / "capstand", "--data-dir", self.data, "--auth-dev-token", TOKEN]
        command += ["--listen", f"127.0.0.1:{self.port}", "--admin-listen", f"127.0.0.1:{self.admin}"]
        command += ["--journal-segment-bytes", "65536", "--checkpoint-interval-ms", str(checkpoint_ms)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(part) for part in command], stdout=log, stderr=log, env=os.environ | environment
            )

    def start(self, checkpoint_ms=100):
        """Waits until it is ready."""
        self.launch(checkpoint_ms)
        for _ in range(400):
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/readyz", timeout=5):
                    break
            except OSError:
                time.sleep(0.05)
        check(self.process.poll() is None, "capstand ended", self.log.read_text())
        return self

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait(30)

    def stop(self):
        self.end(signal.SIGTERM)

    def ask(self, path, body=None):
        request = urllib.request.Request(
            self.url + path, body and body.encode(), {"Authorization": f"Bearer {TOKEN}"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def append(self, stream, body):
        return self.ask(f"/v1/events/{stream}", body)

    def read(self, stream):
        """All events of a stream, from the first one; none if there is no such stream."""
        try:
            return self.ask(f"/v1/events/{stream}?from=1&limit=10000")["events"]
        except urllib.error.HTTPError as error:
            check(error.code == 404, stream, error)
            return []

    def generation(self, stream):
        return self.ask(f"/v1/events/{stream}?from=1&limit=1")["generation"]


def frames(segment):
    """(offset, kind, first position, count, bytes on disk) of the frames of a segment file."""
    data = segment.read_bytes()
    secret = data[16:24]
    at, found = BLOCK, []
    while at + 96 <= len(data) and data[at : at + 4] == b"CFRM" and data[at + 24 : at + 32] == secret:
        payload, count = struct.unpack_from("<II", data, at + 16)
        (first,) = struct.unpack_from("<Q", data, at + 32)
        extent = -(-(96 + payload) // BLOCK) * BLOCK
        found.append((at, data[at + 5], first, count, extent))
        at += extent
    return found


def segments(data):
    return sorted((data / "journal").glob("segment-*"))


def flip(path, offset):
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 1]))


class Bed:
    """A directory for one test, with a data directory that holds some history."""

    STREAMS = [f"acme/room/{number}" for number in range(6)]

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp())
        self.token_file = self.directory / "token"
        self.token_file.write_text(TOKEN + "\n")
        self.data = self.directory / "data"
        self.made = self.directory / "made"
        self.servers = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers:
            if server.process and server.process.poll() is None:
                server.end(signal.SIGKILL)
        shutil.rmtree(self.directory, ignore_errors=True)

    def server(self, data=None):
        self.servers.append(Server(data or self.data, self.token_file))
        return self.servers[-1]

    def write(self, server, first, count):
        """Events first..first + count of each stream; one stream comes in the first half only."""
        for number in range(first, first + count):
            for stream in self.STREAMS:
                server.append(stream, f"{stream} event {number} " + "x" * 300)

    def fill(self, server):
        self.write(server, 1, 12)
        server.append("acme/quiet", "one")
        self.write(server, 13, 12)

    def make_history(self):
        """Writes it once; `fresh` then gives copies."""
        server = self.server(self.made).start()
        self.fill(server)
        self.heads = {stream: len(server.read(stream)) for stream in [*self.STREAMS, "acme/quiet"]}
        self.events = {stream: server.read(stream) for stream in self.heads}
        server.stop()
        return self

    def fresh(self):
        shutil.rmtree(self.data, ignore_errors=True)
        for kept in self.directory.glob("data*"):
            shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.made, self.data)
        return self.data
