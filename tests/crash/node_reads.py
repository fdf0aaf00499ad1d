"""I7 over HTTP: what was written at one node of a cluster is read at another, at once, by who names its place; also if that
one was stopped meanwhile and is far behind.

  node_reads.py --build DIR --kafka HOST:PORT --dir DIR
"""

import asyncio
import http.client
import json
import os
import pathlib
import signal
import subprocess

from node_storm import TOKEN, Node, parse, until_ready
from real_server import free_port

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


def write_while_the_other_sleeps(nodes):
    here, there = nodes
    there.process.send_signal(signal.SIGSTOP)
    seqs = [ask(here, "POST", "/v1/events/storm/asleep", f"text {number}")["first"] for number in range(WRITES)]
    there.process.send_signal(signal.SIGCONT)
    page = ask(there, "GET", f"/v1/events/storm/asleep?from={seqs[-1]}&limit=1")
    assert [event["seq"] for event in page["events"]] == [WRITES], page


def reach_a_node_by_several_addresses(options, node):
    """Nobody answers at the first one: the command line goes on at the next, whatever it wants."""
    token = pathlib.Path(options.dir, "token")
    token.write_text(TOKEN)
    servers = f"http://127.0.0.1:{free_port()},http://127.0.0.1:{node.port}"
    environment = os.environ | {"XDG_STATE_HOME": options.dir, "CAPSTAN_SERVER": servers, "CAPSTAN_TOKEN_FILE": str(token)}

    def capstan(*words):
        return subprocess.run([f"{options.build}/bin/capstan", *words, "-o", "json"], env=environment, check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    for number in range(3):
        capstan("append", "storm/cli", f"text {number}")
    told = capstan("read", "storm/cli")
    assert all(f"text {number}" in told for number in range(3)), told
    assert "storm/cli" in capstan("stream", "ls")
    capstan("check", "append", "storm/cli")


def main():
    options = parse()
    nodes = [Node(options, "one"), Node(options, "two")]
    for node in nodes:
        node.start()
    try:
        for node in nodes:
            asyncio.run(until_ready(node))
        write_here_and_read_there(nodes)
        write_while_the_other_sleeps(nodes)
        reach_a_node_by_several_addresses(options, nodes[1])
        print(f"{WRITES} events were read at the other node")
    finally:
        for node in nodes:
            node.kill()


main()
