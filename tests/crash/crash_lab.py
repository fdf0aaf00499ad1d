"""The crash laboratory: what a real capstand leaves on a disk when the power fails.

A recording library (recorder.cpp) writes down each file operation and flush of a capstand under load, journal
and LMDB alike; acknowledgements are marked in the same record. Then the machine "dies" at places of the record:
what was flushed is there, and of the rest any part. Each such disk is made in a directory, the real capstand is
started on it, and must show every event that was acknowledged until then, at its seq, and nothing that nobody
wrote (I1 to I4); started again, and without its index, it must show the same (I17, I18).

  crash_lab.py --capstand PROGRAM --recorder LIBRARY [--states N] [--seconds N] [--seed N] [--plant FAULT]

`--plant` leaves flushes out of the record, as if the program had left them out; the laboratory must then fail.
"""

import collections
import http.client
import itertools
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from crash_record import PLANTS, environment, laboratory, look_at_states, mark, read_record
from real_server import STREAMS, Found, Server, ask, check, look


# The load


class Load:
    """Writers that publish one event after another; each acknowledgement goes into the record."""

    def __init__(self, log):
        self.log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.stopping = threading.Event()
        self.written = set()  # (stream, text), acknowledged or not
        self.lock = threading.Lock()

    def write(self, server, number, life):
        try:
            connection = server.connect()
            for count in itertools.count():
                if self.stopping.is_set():
                    return
                stream = STREAMS[(number + count) % len(STREAMS)]
                text = f"{life}.{number}.{count}." + "-" * random.Random(f"{number}.{count}").randrange(3_000)
                with self.lock:
                    self.written.add((stream, text))
                status, answer = ask(connection, "POST", f"/v1/events/{stream}", text)
                if status == 201:
                    mark(self.log, [stream, answer["first"], text])
        except (OSError, http.client.HTTPException, ValueError):
            return  # the server was killed

    def run(self, server, seconds, life, writers=3):
        self.stopping.clear()
        threads = [threading.Thread(target=self.write, args=(server, n, life)) for n in range(writers)]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        server.kill()
        self.stopping.set()
        for thread in threads:
            thread.join()


def record(options, root, log):
    """Two lives, both ended by SIGKILL: recovery and its writes are in the record, too."""
    load = Load(log)
    for life in range(2):
        server = Server(options.capstand, root, environment(options.recorder, root, log))
        load.run(server, options.seconds / 2, life)
    os.close(load.log)
    return load.written


# The checks


def check_state(options, root, acked, written):
    seen = look(options.capstand, root)
    check(seen, acked, written)
    if look(options.capstand, root) != seen:
        raise Found("I18: a second recovery shows something else")
    for index in (root / "data").glob("**/*.mdb"):
        index.unlink()
    if look(options.capstand, root) != seen:
        raise Found("I17: without its index the server shows something else")


def main():
    options = laboratory("what a real capstand leaves on a disk when the power fails", seconds=1.0).parse_args()
    with tempfile.TemporaryDirectory() as directory:
        recorded = Path(directory) / "recorded"
        recorded.mkdir()
        log = Path(directory) / "log"
        written = record(options, recorded, log)
        ops = list(read_record(log))
        kinds = collections.Counter(op.kind for op in ops)
        print(f"recorded {len(ops)} operations: {kinds['w'] + kinds['W']} writes, {kinds['f'] + kinds['s']} flushes, "
              f"{kinds['r']} renames, {kinds['a']} acknowledgements", flush=True)
        if not kinds["a"] or not kinds["s"] or not kinds["W"]:
            sys.exit("the record lacks acknowledgements, flushes of directories or LMDB's commits")
        looked = look_at_states(options, Path(directory) / "state", ops, PLANTS.get(options.plant, lambda op: False),
                                lambda root, acked: check_state(options, root, acked, written))
        print(f"{looked} states: all that was acknowledged is there, nothing else, and again without the index")


main()
