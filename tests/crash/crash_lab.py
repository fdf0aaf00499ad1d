"""The crash laboratory: what a real capstand leaves on a disk when the power fails.

A recording library (recorder.cpp) writes down each file operation and flush of a capstand under load, journal
and LMDB alike; acknowledgements are marked in the same record. Then the machine "dies" at places of the record:
what was flushed is there, and of the rest any part. Each such disk is made in a directory, the real capstand is
started on it, and must show every event that was acknowledged until then, at its seq, and nothing that nobody
wrote (I1 to I4); started again, and without its index, it must show the same (I17, I18).

  crash_lab.py --capstand PROGRAM --recorder LIBRARY [--states N] [--seconds N] [--seed N] [--plant FAULT]

`--plant` leaves flushes out of the record, as if the program had left them out; the laboratory must then fail.
"""

import argparse
import collections
import http.client
import itertools
import json
import os
import random
import shutil
import struct
import sys
import tempfile
import threading
import time
from pathlib import Path

from real_server import STREAMS, Found, Server, ask, check, look

SECTORS = (512, 4096)
ALL_SUBSETS_MAX = 6  # operations under way of which every subset is tried

PLANTS = {
    "no-flush": lambda op: op.kind == "f" and "segment-" in op.name,
    "no-directory-flush": lambda op: op.kind == "s",
}

Op = collections.namedtuple("Op", "kind inode offset name data")


# The load


class Load:
    """Writers that publish one event after another; each acknowledgement goes into the record."""

    def __init__(self, log):
        self.log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.stopping = threading.Event()
        self.written = set()  # (stream, text), acknowledged or not
        self.lock = threading.Lock()

    def mark(self, stream, seq, text):
        name = json.dumps([stream, seq, text]).encode()
        os.write(self.log, struct.pack("<cQQII", b"a", 0, 0, len(name), 0) + name)

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
                    self.mark(stream, answer["first"], text)
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
    environment = {"LD_PRELOAD": options.recorder, "CRASH_LAB_ROOT": str(root), "CRASH_LAB_LOG": str(log)}
    for life in range(2):
        server = Server(options.capstand, root, environment)
        load.run(server, options.seconds / 2, life)
    os.close(load.log)
    return load.written


def read_record(log):
    data = Path(log).read_bytes()
    at, head = 0, struct.Struct("<cQQII")
    while at + head.size <= len(data):
        kind, inode, offset, name_bytes, data_bytes = head.unpack_from(data, at)
        at += head.size
        name = data[at:at + name_bytes].decode()
        at += name_bytes
        yield Op(kind.decode(), inode, offset, name, data[at:at + data_bytes])
        at += data_bytes


# The disk


class Disk:
    """What is on stable storage, and what is under way. A name belongs to its directory, not to its file."""

    def __init__(self):
        self.contents = {}  # by inode
        self.names = {}  # path to inode; None for a directory
        self.pending = []  # operations, in order

    def take(self, op):
        if op.kind == "f":
            self.settle(lambda one: one.kind in "wt" and one.inode == op.inode)
        elif op.kind == "s":
            self.settle(lambda one: one.kind in "cdur" and os.path.dirname(one.name) == op.name)
        elif op.kind == "W":
            apply(self.contents, self.names, op._replace(kind="w"))
        else:
            self.pending.append(op)

    def settle(self, is_flushed):
        for op in self.pending:
            if is_flushed(op):
                apply(self.contents, self.names, op)
        self.pending = [op for op in self.pending if not is_flushed(op)]

    def after(self, chosen):
        """Contents and names with these operations of those under way."""
        contents = {inode: bytearray(data) for inode, data in self.contents.items()}
        names = dict(self.names)
        for op in chosen:
            apply(contents, names, op)
        return contents, names


def apply(contents, names, op):
    if op.kind == "w":
        file = contents.setdefault(op.inode, bytearray())
        if len(file) < op.offset:
            file.extend(bytes(op.offset - len(file)))
        file[op.offset:op.offset + len(op.data)] = op.data
    elif op.kind == "t":
        file = contents.setdefault(op.inode, bytearray())
        del file[op.offset:]
        file.extend(bytes(op.offset - len(file)))
    elif op.kind == "c":
        names[op.name] = op.inode
    elif op.kind == "d":
        names[op.name] = None
    elif op.kind == "u":
        names.pop(op.name, None)
    elif op.kind == "r" and op.name in names:
        names[op.data.decode()] = names.pop(op.name)


def torn(op, dice):
    """A part of a write: some of its sectors, or its size alone."""
    if op.kind != "w" or len(op.data) <= SECTORS[0]:
        return op
    if dice.random() < 0.2:
        return op._replace(data=bytes(len(op.data)))  # the size came early
    sector = dice.choice([size for size in SECTORS if size < len(op.data)])
    return op._replace(data=op.data[:sector * dice.randrange(1, (len(op.data) + sector - 1) // sector)])


def choices(pending, dice, most):
    """Which of the operations under way a crash keeps: all subsets of a few, else samples."""
    yield list(pending)
    if not pending:
        return
    yield []
    if len(pending) <= ALL_SUBSETS_MAX and 2 ** len(pending) <= most:
        for mask in range(1, 2 ** len(pending) - 1):
            yield [op for bit, op in enumerate(pending) if mask >> bit & 1]
    else:
        for left_out in dice.sample(range(len(pending)), min(len(pending), most // 2)):
            yield pending[:left_out] + pending[left_out + 1:]
    for _ in range(most):
        yield [torn(op, dice) if dice.random() < 0.3 else op for op in pending if dice.random() < 0.6]


def materialise(root, contents, names):
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for path in sorted(names):
        inode, target = names[path], root / path
        if not target.parent.is_dir():
            continue  # its directory is lost
        if inode is None:
            target.mkdir()
        else:
            target.write_bytes(contents.get(inode, b""))


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


def states(ops, plant, dice, wanted):
    """(place in the record, what was acknowledged, contents, names), spread over the record."""
    places = [at for at, op in enumerate(ops) if op.kind != "a"]
    per_place = 4
    chosen = set(dice.sample(places, min(len(places), max(1, wanted // per_place))))
    disk, acked = Disk(), []
    for at, op in enumerate(ops):
        if op.kind == "a":
            acked.append(json.loads(op.name))
        elif not plant(op):
            disk.take(op)
        if at in chosen:
            options = list(choices(disk.pending, dice, 64))
            for kept in dice.sample(options, min(per_place, len(options))):
                yield at, list(acked), *disk.after(kept)


def main():
    parser = argparse.ArgumentParser(description="what a real capstand leaves on a disk when the power fails")
    parser.add_argument("--capstand", required=True)
    parser.add_argument("--recorder", required=True)
    parser.add_argument("--states", type=int, default=100, help="how many disks are looked at")
    parser.add_argument("--seconds", type=float, default=1.0, help="of load")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plant", choices=sorted(PLANTS), help="leave these flushes out")
    options = parser.parse_args()
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
        dice = random.Random(options.seed)
        root = Path(directory) / "state"
        looked = 0
        plant = PLANTS.get(options.plant, lambda op: False)
        for at, acked, contents, names in states(ops, plant, dice, options.states):
            materialise(root, contents, names)
            looked += 1
            try:
                check_state(options, root, acked, written)
            except Found as found:
                print(f"FAIL {found}\n  state {looked}, at operation {at} of the record, seed {options.seed}, "
                      f"{len(acked)} events acknowledged")
                sys.exit(1)
        print(f"{looked} states: all that was acknowledged is there, nothing else, and again without the index")


main()
