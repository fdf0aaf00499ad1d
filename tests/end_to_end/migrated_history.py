"""What migrate.test does: a server, a history, a device that is offline, a cluster, and the way back."""

import argparse
import gzip
import itertools
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

from data_tools import BIN, Bed, Server, capstan, check

LINES = 20_000
ROOM = "acme/room/moved"
IMPORT = ["--stream", "irc/ubuntu/{s}", "--author", "{u|server}", "--id", "{s}/{n}", "--type", "{k|message}", "--field", "text=x?"]
PARTIAL, UNAVAILABLE, DATA_LOCKED = 8, 6, 4


class Node(Server):
    """The same as a node of a cluster."""

    def __init__(self, server, cluster, data=None):
        super().__init__(data or server.data, server.token_file)
        self.cluster = cluster

    def launch(self, checkpoint_ms=100, under=(), **environment):
        settings = {"CAPSTAND_JOURNAL_CLUSTER": self.cluster, "CAPSTAND_JOURNAL_CLUSTER_REPLICAS": "1"}
        super().launch(checkpoint_ms, under, **settings, **environment)


class Device:
    """One that appends by the command line, on a machine of its own."""

    def __init__(self, bed, name):
        self.environment = dict(os.environ) | {"XDG_STATE_HOME": str(bed.directory / name)}

    def append(self, urls, token_file, text, expect=0, timeout="20s"):
        done = subprocess.run(
            [BIN / "capstan", "--timeout", timeout, "-s", urls, "--token-file", token_file, "append", ROOM, text, "-o", "json"],
            capture_output=True, text=True, env=self.environment)
        check(done.returncode == expect, "append", text, "ended with", done.returncode, done.stderr)


def whole(server, stream):
    events, place = [], 1
    while True:
        page = server.ask(f"/v1/events/{stream}?from={place}&limit=5000")
        events += page["events"]
        if page["next"] == place or place > page["head"]:
            return events
        place = page["next"]


def everything(server):
    """All that a reader can see: every event with all that stands beside it, and each stream's generation and chain."""
    rows = capstan("stream", "ls", server=server)
    for row in rows:
        del row["bytes"]  # an estimate
    return {row["stream"]: (row, whole(server, row["stream"])) for row in rows}


def check_same(before, after, where):
    check(before.keys() == after.keys(), "streams", where)
    for stream, seen in before.items():
        check(seen == after[stream], stream, "is not the same", where, seen[0], after[stream][0])


def until_done(dice, *words):
    """Runs a command that is killed at moments that come later each time, until it ends by itself."""
    kills = 0
    for patience in itertools.count(1):
        process = subprocess.Popen([BIN / "capstan", *map(str, words), "-o", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            process.wait(dice.uniform(0, 0.15 * patience))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            continue
        check(process.returncode == 0, words, "ended with", process.returncode, process.stderr.read().decode())
        return kills


def move(bed, server, device, cluster, dice):
    """The state hash that is to come out everywhere."""
    plan = capstan("migrate", bed.data, "--to", cluster, "--replicas", 1, "--dry-run")
    check(plan["switched"] is False and plan["events"] > LINES, plan)
    beside = capstan("migrate", bed.data, "--to", cluster, "--replicas", 1, expect=PARTIAL)
    check(0 < beside["position"] <= plan["position"] and not beside["switched"], beside)

    server.append(ROOM, "while it moves")
    server.stop()
    device.append(server.url, server.token_file, "offline", expect=UNAVAILABLE, timeout="2s")
    expected = capstan("migrate", bed.data, "--to", cluster, "--dry-run")
    kills = until_done(dice, "migrate", bed.data, "--to", cluster)
    moved = capstan("migrate", bed.data, "--to", cluster)
    for key in ("position", "chain", "state_hash"):
        check(moved[key] == expected[key], key, moved, expected)
    check(moved["switched"] is True, moved)
    print(f"{moved['position']} submissions and {moved['events']} events were moved; {kills} kills on the way")
    return moved["state_hash"]


def refuses(server, text):
    server.launch()
    server.process.wait(30)
    log = server.log.read_text()
    check(server.process.returncode == DATA_LOCKED and text in log, server.process.returncode, log[-1000:])


def state_of(data):
    report = Path(f"{data}.report")
    capstan("verify", data, "--deep", "--report", report)
    return json.loads(report.read_text())["state_hash"]


def run(bed, options, dice):
    cluster = f"kafka://{options.kafka}/moved-{time.time_ns()}"
    lines = bed.directory / "messages.jsonl"
    with gzip.open(options.messages, "rt") as messages:
        lines.write_text("".join(itertools.islice(messages, LINES)))
    server = bed.server().start()
    capstan("import", "ndjson", lines, *IMPORT, server=server)
    device = Device(bed, "device")
    device.append(server.url, server.token_file, "online")
    state = move(bed, server, device, cluster, dice)
    refuses(bed.server(), "set journal.cluster")

    # The old directory goes on as a node, under the old address; another node begins with nothing.
    one, two = Node(server, cluster), Node(server, cluster, bed.directory / "two")
    one.port, one.url = server.port, server.url
    bed.servers += [one, two]
    for node in (one, two):
        node.start()
    before = everything(one)
    check([event["text"] for event in before[ROOM][1]] == ["online", "while it moves"], before[ROOM])
    check_same(before, everything(two), "at the new node")
    check(sum(len(events) for _, events in before.values()) == LINES + 2, "events")

    # The device that was offline notices nothing.
    device.append(one.url, one.token_file, "after")
    texts = ["online", "while it moves", "offline", "after"]
    for node in (one, two):
        events = node.ask(f"/v1/events/{ROOM}?from=4&limit=10")["events"]
        check(events[-1]["seq"] == 4, events)
        check([event["text"] for event in whole(node, ROOM)] == texts, whole(node, ROOM))
    told = capstan("import", "ndjson", lines, *IMPORT, server=two)  # the same authors: all is there
    check(told["already_there"] == LINES and told["events"] == 0, told)
    two.append(ROOM, "at the other node")
    after = everything(two)
    for node in (one, two):
        node.stop()
    states = [state_of(node.data) for node in (one, two)]
    check(states[0] == states[1] and states[0] != state, states)
    return cluster, one, two, device, after, states[0]


def go_back(bed, cluster, one, two, device, after, state, dice):
    home = bed.directory / "home"
    plan = capstan("migrate", home, "--from", cluster, "--dry-run")
    check(plan["state_hash"] == state and not home.exists(), plan)
    kills = until_done(dice, "migrate", home, "--from", cluster)
    print(f"{plan['position']} submissions came back; {kills} kills on the way")
    refuses(two, "moved away")
    server = Server(home, two.token_file)
    bed.servers.append(server)
    server.port, server.url = one.port, one.url
    server.start()
    check_same(after, everything(server), "after the way back")
    device.append(server.url, server.token_file, "home again")
    check([event["seq"] for event in whole(server, ROOM)] == [1, 2, 3, 4, 5, 6], "seqs")
    server.stop()
    check(capstan("verify", home, "--deep")["problems"] == [], "home")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--messages", required=True)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    options = parser.parse_args()
    print(f"seed {options.seed}")
    dice = random.Random(options.seed)
    with Bed() as bed:
        cluster, one, two, device, after, state = run(bed, options, dice)
        go_back(bed, cluster, one, two, device, after, state, dice)


main()
