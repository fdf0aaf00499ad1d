"""A real capstand whose system calls fail, whose memory is short, or whose clock is wrong; nothing that it acknowledged may
suffer.

  failing_calls.py --capstand PROGRAM (flush-fails | disk-full | disk-slow | clock-jumps | little-memory)
"""

import argparse
import glob
import http.client
import re
import shutil
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

from real_server import STREAMS, TOKEN, Found, Server, ask, check, look

STORAGE_FAILED = 7  # the exit code
NEEDED = {"flush-fails": ("strace", shutil.which("strace")), "disk-full": ("strace", shutil.which("strace")),
          "disk-slow": ("strace", shutil.which("strace")), "little-memory": ("util-linux", shutil.which("prlimit")),
          "clock-jumps": ("faketime", next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None))}


class Author:
    """Appends to one stream after another, and remembers what was tried and what was acknowledged."""

    def __init__(self):
        self.written, self.acked, self.refused = set(), [], 0
        self.lock = threading.Lock()

    def append(self, server, events, padding=0):
        """False once the server is gone."""
        connection = server.connect()
        try:
            for _ in range(events):
                with self.lock:
                    stream = STREAMS[len(self.written) % len(STREAMS)]
                    text = f"event {len(self.written)}" + "-" * padding
                    self.written.add((stream, text))
                status, answer = ask(connection, "POST", f"/v1/events/{stream}", text)
                if status == 201:
                    self.acked.append((stream, answer["first"], text))
                else:
                    self.refused += 1
        except (OSError, http.client.HTTPException):
            return False
        return True


def failing(call, error, when):
    """Words in front of a command, whose process it stays: its calls of this kind fail, counted from 1."""
    return ("strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
            "-e", f"inject={call}:error={error}:when={when}")


def flush_fails(capstand, root):
    """F6: after one failed flush no further acknowledgement; exit 7; all that was acknowledged is there."""
    author = Author()
    server = Server(capstand, root, under=failing("fdatasync", "EIO", "60"))
    if author.append(server, 2_000):
        raise Found("I20: the server goes on after a failed flush")
    code = server.process.wait(30)
    if code != STORAGE_FAILED:
        raise Found(f"I20: exit {code} after a failed flush")
    return author


def disk_full(capstand, root):
    """F8: appends are turned away while the disk is full, and go through when it is not."""
    author = Author()
    server = Server(capstand, root, under=failing("fallocate", "ENOSPC", "2..40"))
    alive = author.append(server, 400)
    before = len(author.acked)
    alive = alive and author.append(server, 20)
    server.kill()
    if not alive or len(author.acked) != before + 20:
        raise Found("F8: the server does not go on after the disk was full")
    return author


def disk_slow(capstand, root):
    """F9: while a flush takes eight seconds `/readyz` says `degraded`, and 200; then it serves as before."""
    author = Author()
    under = ("strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync",
             "-e", "inject=fdatasync:delay_enter=8000000:when=60")
    server = Server(capstand, root, under=under)
    writing = threading.Thread(target=author.append, args=(server, 200))
    writing.start()
    phases = []
    while writing.is_alive():
        status, page = server.ready()
        if status != 200:
            raise Found(f"F9: {status} while the disk is slow")
        phases.append(page["phase"])
        if page["phase"] == "degraded" and not page["reason"]:
            raise Found("F9: degraded without a reason")
        time.sleep(0.1)
    time.sleep(1.5)
    phases.append(server.ready()[1]["phase"])
    server.kill()
    if "degraded" not in phases or phases[-1] != "serving" or len(author.acked) != 200:
        raise Found(f"F9: {len(author.acked)} acknowledged, phases {sorted(set(phases))}, {phases[-1]} in the end")
    return author


def clock_jumps(capstand, root):
    """F18: the clock is ten years ahead, then ten years behind."""
    author = Author()
    for offset in ("+0", "+3650d", "-3650d"):
        environment = {"LD_PRELOAD": NEEDED["clock-jumps"][1], "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        server = Server(capstand, root, environment)
        went_through = author.append(server, 30)
        server.kill()
        if not went_through or author.refused:
            raise Found(f"I29: appends fail at {offset}")
    return author


def data_bytes(process):
    """What counts against a limit of a process's data."""
    return int(re.search(r"VmData:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())[1]) * 1024


def crowd(author, server, seconds):
    """Writers of large events, and readers who ask for everything and then take nothing."""
    idle = []
    for n in range(60):
        reader = socket.create_connection(("127.0.0.1", server.port))
        reader.sendall(f"GET /v1/events/{STREAMS[n % len(STREAMS)]}?from=1&limit=10000 HTTP/1.1\r\nHost: lab\r\n"
                       f"Authorization: Bearer {TOKEN}\r\n\r\n".encode())
        idle.append(reader)
    until = time.monotonic() + seconds

    def write():
        while time.monotonic() < until and author.append(server, 5, padding=150_000):
            pass

    writers = [threading.Thread(target=write) for _ in range(16)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    for reader in idle:
        reader.close()


def little_memory(capstand, root):
    """F19: where memory is short the process ends and says so, or goes on; where there is enough for its budgets it goes on."""
    author = Author()
    server = Server(capstand, root)
    base = data_bytes(server.process)
    server.kill()
    ended = 0
    for mebibytes in (16, 16, 24, 24, 32, 512):
        server = Server(capstand, root, under=("prlimit", f"--data={base + mebibytes * 1_048_576}"))
        try:
            crowd(author, server, 1.0)
        except OSError:
            pass  # it ended while they came
        if server.process.poll() is None:
            server.kill()
            continue
        server.errors.seek(0)
        if server.process.returncode != 1 or b"out of memory" not in server.errors.read():
            raise Found(f"F19: exit {server.process.returncode}, and no word of memory")
        if mebibytes == 512:
            raise Found("I25: what the server holds for a crowd is beyond its budgets")
        ended += 1
    if not ended:
        raise Found("the limit was never met")
    print(f"little-memory: {ended} of 5 lives ended for want of memory")
    return author


def main():
    stories = {"flush-fails": flush_fails, "disk-full": disk_full, "disk-slow": disk_slow, "clock-jumps": clock_jumps,
               "little-memory": little_memory}
    parser = argparse.ArgumentParser(description="a real capstand whose system calls fail")
    parser.add_argument("--capstand", required=True)
    parser.add_argument("story", choices=sorted(stories))
    options = parser.parse_args()
    package, found = NEEDED[options.story]
    if not found:
        print(f"{package} is missing; provide it with: apt-get install {package}")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as root:
        try:
            author = stories[options.story](options.capstand, root)
            if not author.acked:
                raise Found("nothing was acknowledged")
            check(look(options.capstand, root), author.acked, author.written)
        except Found as found:
            print(f"FAIL {found}")
            sys.exit(1)
        print(f"{options.story}: {len(author.acked)} acknowledged and there, {author.refused} turned away")


main()
