"""I7 over HTTP: what was written at one node of a cluster is read at another, at once, by who names its place.

  node_reads.py --build DIR --kafka HOST:PORT --dir DIR
"""

import asyncio
import http.client
import json

from node_storm import TOKEN, Node, parse, until_ready

WRITES = 200


def ask(node, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
    connection.request(method, path, body, {"Authorization": f"Bearer {TOKEN}", "Content-Type": "text/plain"})
    answer = connection.getresponse()
    content = json.loads(answer.read())
    connection.close()
    assert answer.status in (200, 201), (method, path, answer.status, content)
    return content


def write_here_and_read_there(nodes):
    for number in range(WRITES):
        here, there = nodes if number % 2 else reversed(nodes)
        stream = f"storm/room-{number % 3}"
        seq = ask(here, "POST", f"/v1/events/{stream}", f"text {number}")["first"]
        page = ask(there, "GET", f"/v1/events/{stream}?from={seq}&limit=1")
        assert [(event["seq"], event["text"]) for event in page["events"]] == [(seq, f"text {number}")], page
        page = ask(there, "GET", f"/v1/events/{stream}?after={seq}")
        assert page["events"] == [] and page["head"] == seq, page


def main():
    options = parse()
    nodes = [Node(options, "one"), Node(options, "two")]
    for node in nodes:
        node.start()
    try:
        for node in nodes:
            asyncio.run(until_ready(node))
        write_here_and_read_there(nodes)
        print(f"{WRITES} events were read at the other node")
    finally:
        for node in nodes:
            node.kill()


main()
