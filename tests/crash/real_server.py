"""A real capstand as a child process, asked over HTTP, for the tests beside this file."""

import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time

TOKEN = "lab"
STREAMS = ("lab/a", "lab/b", "lab/c")


class Found(Exception):
    """An invariant does not hold."""


# The server


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """A capstand on `root`; `environment` is added to ours, `under` are words in front of its command."""

    def __init__(self, program, root, environment=None, under=()):
        self.port, self.admin = free_port(), free_port()
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*under, program, "--data-dir", f"{root}/data", "--listen", f"127.0.0.1:{self.port}", 
             "--admin-listen", f"127.0.0.1:{self.admin}", "--auth-dev-token", TOKEN, "--journal-segment-bytes", "65536", "--checkpoint-interval-ms", "100"],
            env=os.environ | (environment or {}), stdout=self.errors, stderr=self.errors)
        self.wait_until_up()

    def wait_until_up(self):
        for _ in range(2_000):
            if self.process.poll() is not None:
                self.errors.seek(0)
                text = self.errors.read().decode(errors="replace").strip().splitlines()[-1:]
                raise Found(f"I18: capstand does not start, exit {self.process.returncode}: {text}")
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.005)
        raise Found("I18: capstand does not listen")

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ready(self):
        """Status and JSON of /readyz."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=30)
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, json.load(answer)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.errors.close()


def ask(connection, method, path, body=None):
    connection.request(method, path, body, {"Authorization": f"Bearer {TOKEN}", "Content-Type": "text/plain"})
    answer = connection.getresponse()
    content = answer.read()
    return answer.status, json.loads(content) if content else None


def read_stream(connection, stream):
    """[(seq, text)]"""
    events, place = [], 1
    while True:
        status, page = ask(connection, "GET", f"/v1/events/{stream}?from={place}&limit=10000")
        if status == 404:
            return events
        if status != 200:
            raise Found(f"I1: reading {stream} from {place} is answered {status}: {page}")
        events += [(event["seq"], event.get("text")) for event in page["events"]]
        if page["next"] == place:
            return events
        place = page["next"]


def read_all(server):
    connection = server.connect()
    return {stream: read_stream(connection, stream) for stream in STREAMS}


def look(program, root):
    server = Server(program, root)
    try:
        return read_all(server)
    finally:
        server.kill()


def check(seen, acked, written):
    for stream, events in seen.items():
        if [seq for seq, _ in events] != list(range(1, len(events) + 1)):
            raise Found(f"I3: {stream} is not dense")
        if len(set(events)) != len({text for _, text in events}):
            raise Found(f"I2: an event of {stream} is there twice")
        for seq, text in events:
            if (stream, text) not in written:
                raise Found(f"I4: {stream} seq {seq} is nothing that anybody wrote")
    for stream, seq, text in acked:
        if seq > len(seen[stream]) or seen[stream][seq - 1][1] != text:
            raise Found(f"I1: {stream} seq {seq} was acknowledged, and is not there")
