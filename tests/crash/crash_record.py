"""A record of what programs did to their files, and the disks that a power failure makes of it: crash_lab.py and outbox_lab.py
look at them. recorder.cpp writes the record."""

import argparse
import collections
import json
import os
import random
import shutil
import struct
import sys
from pathlib import Path

from real_server import Found

SECTORS = (512, 4096)
ALL_SUBSETS_MAX = 6  # operations under way of which every subset is tried
HEAD = struct.Struct("<cQQII")

PLANTS = {
    "no-flush": lambda op: op.kind == "f" and "segment-" in op.name,
    "no-directory-flush": lambda op: op.kind == "s",
    "no-store-flush": lambda op: op.kind == "f" and op.name.endswith(".mdb"),
}

Op = collections.namedtuple("Op", "kind inode offset name data")


def mark(log, what):
    """Notes in the record that somebody was told this, by now."""
    name = json.dumps(what).encode()
    os.write(log, HEAD.pack(b"a", 0, 0, len(name), 0) + name)


def environment(recorder, root, log):
    return {"LD_PRELOAD": str(recorder), "CRASH_LAB_ROOT": str(root), "CRASH_LAB_LOG": str(log)}


def read_record(log):
    data = Path(log).read_bytes()
    at = 0
    while at + HEAD.size <= len(data):
        kind, inode, offset, name_bytes, data_bytes = HEAD.unpack_from(data, at)
        at += HEAD.size
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


def laboratory(description, seconds):
    """The arguments that every laboratory has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--capstand", required=True)
    parser.add_argument("--recorder", required=True)
    parser.add_argument("--states", type=int, default=100, help="how many disks are looked at")
    parser.add_argument("--seconds", type=float, default=seconds, help="of load")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plant", choices=sorted(PLANTS), help="leave these flushes out")
    return parser


def look_at_states(options, root, ops, plant, check):
    """Makes each disk at `root` and calls `check(root, acked)`. Returns how many; the first that is wrong ends the program."""
    looked = 0
    for at, acked, contents, names in states(ops, plant, random.Random(options.seed), options.states):
        materialise(root, contents, names)
        looked += 1
        try:
            check(root, acked)
        except Found as found:
            print(f"FAIL {found}\n  state {looked}, at operation {at} of the record, seed {options.seed}, "
                  f"{len(acked)} acknowledged")
            sys.exit(1)
    return looked
