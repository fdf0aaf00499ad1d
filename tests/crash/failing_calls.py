"""A real capstand whose system calls fail, or whose clock is wrong; nothing that it acknowledged may suffer.

  failing_calls.py --capstand PROGRAM (flush-fails | disk-full | disk-slow | clock-jumps)
"""

import argparse
import glob
import http.client
import shutil
import sys
import tempfile
import threading
import time

from real_server import STREAMS, Found, Server, ask, check, look

STORAGE_FAILED = 7  # the exit code
NEEDED = {"flush-fails": ("strace", shutil.which("strace")), "disk-full": ("strace", shutil.which("strace")),
          "disk-slow": ("strace", shutil.which("strace")), "clock-jumps": ("faketime", next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None))}


class Author:
    """Appends to one stream after another, and remembers what was tried and what was acknowledged."""

    def __init__(self):
        self.written, self.acked, self.refused = set(), [], 0

    def append(self, server, events):
        """False once the server is gone."""
        connection = server.connect()
        try:
            for _ in range(events):
                stream = STREAMS[len(self.written) % len(STREAMS)]
                text = f"event {len(self.written)}"
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


def main():
    stories = {"flush-fails": flush_fails, "disk-full": disk_full, "disk-slow": disk_slow, "clock-jumps": clock_jumps}
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
