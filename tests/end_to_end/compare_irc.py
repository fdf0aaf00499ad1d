"""Compares events of irc/ubuntu/* on stdin, as `capstan read -o ndjson` prints them, with the lines they were made of.

Every line of the source is one event of its stream, in the order of the source, with the author's device.
"""

import collections
import gzip
import json
import sys

NAMES = {"n": "number", "t": "time", "x": "text", "u": "nick", "r": "answers", "src": "source.file", "d": "source.date"}


def expected(line):
    fields = {NAMES[key]: value for key, value in line.items() if key in NAMES}
    if "answers" in fields:
        fields["answers"] = json.dumps(fields["answers"], separators=(",", ":"))
    return f"{line['s']}/{line['n']}", line.get("k", "message"), fields


def inserted(event):
    """The object of an event, without the one that names the import."""
    ops = [op for op in event["ops"] if op["object"] != "/import"]
    first, *sets = ops
    assert first["op"] == "insert" and all(op["op"] == "set" and op["object"] == first["object"] for op in sets), event
    return first["object"], first["type"], {op["field"]: op["value"] for op in sets}


def main():
    streams = collections.defaultdict(list)
    with gzip.open(sys.argv[1], "rt", encoding="utf-8") as source:
        for line in map(json.loads, source):
            streams[f"irc/ubuntu/{line['s']}"].append(line)
    devices = {}
    heads = collections.Counter()
    for event in map(json.loads, sys.stdin):
        stream, seq = event["stream"], event["seq"]
        heads[stream] += 1
        assert seq == heads[stream], f"{stream}: event {seq} stands where {heads[stream]} belongs"
        line = streams[stream][seq - 1]
        assert inserted(event) == expected(line), f"{stream} {seq}: {event}, not {line}"
        device = devices.setdefault(line.get("u", "server"), event["device"])
        assert event["device"] == device, f"{stream} {seq}: {line.get('u')} is two devices"
    assert heads == {stream: len(lines) for stream, lines in streams.items()}, "events are missing"
    assert len(set(devices.values())) == len(devices), "two authors are one device"


main()
