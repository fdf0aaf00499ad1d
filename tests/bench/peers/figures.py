#!/usr/bin/env python3
"""Prints Capstan's figures as ratios to the null server of the same runs.

  ./figures.py [--res FILE] [--run STAMP|last|all]

A figure is the median over rounds of Capstan's value divided by the median of the null server's. `machine` is the share of
cores that others used, the highest of the rows behind a line: above 0.3 the line is not worth much.
"""
import argparse
import json
import os
import statistics

REPO = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))


class Rows:
    """Rows of results.jsonl, of the runs asked for."""

    def __init__(self, path, run):
        rows = [json.loads(line) for line in open(path) if line.strip()]
        last = max((row["run"] for row in rows), default=0)
        self.rows = [row for row in rows if run == "all" or row["run"] == (last if run == "last" else int(run))]

    def of(self, peer, **wanted):
        return [row for row in self.rows if row.get("peer") == peer and all(row.get(k) == v for k, v in wanted.items())]

    def null(self, **wanted):
        return self.of("null", mode="sync", **wanted)

    def capstan(self, **wanted):
        return self.of("capstan", **wanted)


def median(rows, value):
    values = [value(row) for row in rows]
    return statistics.median(values) if values else None


def field(key):
    return lambda row: row[key]


def per_core_second(row):
    return row["ev_s"] / row["srv_cpu"] if row["srv_cpu"] else 0


def short(value):
    if value is None:
        return "-"
    for unit, name in ((1e6, " M"), (1e3, " k")):
        if abs(value) >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def line(figure, what, bar, ours, theirs, value, ratio_to="N"):
    """One line of the table: ours and theirs are rows, `value` takes a row's figure."""
    a, b = median(ours, value), median(theirs, value) if theirs is not None else None
    ratio = f"{a / b:.2f} {ratio_to}" if a is not None and b else "-"
    busy = max((row.get("other_cpu", 0) for row in ours + (theirs or [])), default=0)
    cores = f"{median(ours, field('srv_cpu')):.2f}/{median(ours, field('cli_cpu')):.2f}" if ours and "srv_cpu" in ours[0] else "-"
    return [figure, what, bar, ratio, short(a), short(b), cores, f"{busy:.2f}"] if ours else None


def publish_lines(rows):
    def pub(figure, what, bar, cell, value=field("ev_s"), null_cell=None):
        return line(figure, what, bar, rows.capstan(t="pub", cell=cell), rows.null(t="pub", cell=null_cell or cell), value)

    def own(figure, what, bar, cell, against, name):
        return line(figure, what, bar, rows.capstan(t="pub", cell=cell), rows.capstan(t="pub", cell=against), field("ev_s"), name)

    yield pub("G1", "publish 64 x 1, events/s", ">= 0.74 N", "64x1")
    yield pub("G2", "publish 64 x 64, events/s", ">= 0.35 N", "64x64")
    yield own("G3a", "many streams, 64 x 1", ">= 0.9 G1", "64x1-many", "64x1", "G1")
    yield own("G3a", "many streams, 64 x 64, drawn by frame", ">= 0.9 G2", "64x64-many", "64x64", "G2")
    yield own("G3b", "many streams, 64 x 64, drawn by event", ">= 0.5 G2", "64x64-many-all-by-event", "64x64", "G2")
    yield own("G3a'", "the same, a connection has its own streams, 64 x 1", "", "64x1-many-share", "64x1", "G1")
    yield own("G3a'", "… 64 x 64, drawn by frame", "", "64x64-many-share", "64x64", "G2")
    yield own("G3b'", "… 64 x 64, drawn by event", "", "64x64-many-share-by-event", "64x64", "G2")
    yield own("G4", "one hot stream, 64 x 1, to many streams", ">= 0.95", "64x1", "64x1-many", "many")
    yield pub("G5", "latency 1 x 1, p50 µs", "<= 1.15 N", "1x1", field("p50_us"))
    yield pub("G5", "latency 1 x 1, p99 µs", "<= 1.3 N", "1x1", field("p99_us"))
    yield pub("G6", "paced 5,000/s, p99 µs", "<= 1.2 N", "paced", field("p99_us"))
    yield pub("G7", "events per server core-second, 64 x 64", ">= 1.8 M", "64x64", per_core_second)


def reading_lines(rows):
    def both(figure, what, bar, value, **wanted):
        return line(figure, what, bar, rows.capstan(**wanted), rows.null(**wanted), value)

    yield both("G8", "catch-up of one stream, events/s", ">= 0.75 N", field("ev_s"), t="catchup")
    for subscribers in (100, 1000):
        yield both("G9", f"fan-out to {subscribers}, deliveries/s", ">= 0.6 N", field("deliv_s"), t="fanout", subs=subscribers, rate=0)
    yield both("G10", "fan-out to 100 at half of its own maximum, p99 µs", "<= 2 N", field("p99_us"), t="fanout", half=1)


def own_lines(rows):
    def alone(figure, what, bar, value, **wanted):
        return line(figure, what, bar, rows.capstan(**wanted), None, value)

    for cell in ("100 events a submission", "single events, 64 publishers", "single events, one publisher"):
        bar = "<= 1.08" if cell.startswith("100") else ""
        yield alone("G11", f"live disk to payload, {cell}", bar, field("to_payload"), t="disk", cell=cell)
    yield alone("G12", "RssAnon at 1 M idle streams, 1,000 descriptors, MB", "<= 300", field("rss_anon_MB"), t="memory")
    yield alone("G12", "bytes a stream", "<= 256", field("B_stream"), t="memory")
    at_ack = "kill -9 at the last ack"
    yield alone("G13", "restart after SIGKILL at the last ack, 10,000 streams, s", "<= 0.16", field("restart_s"), t="restart", how=at_ack, streams=10000)
    yield alone("G13", "restart after SIGKILL at the last ack, 1 M streams, s", "<= 1", field("restart_s"), t="restart", how=at_ack, streams=1000000)
    yield alone("G14", "creating 1 M streams, to a second event for each, time", "<= 1", lambda row: row["secs"] / row["again_secs"], t="setup", streams=1e6, compared=1)
    yield alone("G16", "10 of 10,000 followed streams moved: bytes of the greeting, both ways", "<= 4096", field("bytes"), t="reconnect")
    yield alone("G15", "idle WebSocket connection, bytes of RSS", "<= 8192", field("B_conn"), t="idle")


def print_figures(rows):
    head = ["figure", "what", "bar", "measured", "ours", "N", "cores server/client", "machine"]
    print("\n| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for lines in (publish_lines, reading_lines, own_lines):
        for cells in filter(None, lines(rows)):
            print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--res", default=os.path.join(os.environ.get("PEERS_WORK", REPO + "/build/peers"), "res/results.jsonl"))
    parser.add_argument("--run", default="last")
    options = parser.parse_args()
    print_figures(Rows(options.res, options.run))
