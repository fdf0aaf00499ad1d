"""Two real capstands over one Kafka topic, clients that are moved between them, and kills under load.

  node_storm.py --build DIR --kafka HOST:PORT --dir DIR [--seconds N] [--failover | --brokers N] [--seed N]

Clients reach the nodes through a balancer, as in production: it passes each connection to a node that takes it, and cuts
some now and then, so that clients go on elsewhere. Nodes are killed with SIGKILL and come back; once the broker is, too
(deploy/kafka/broker). `kill_storm` writes, observes, and judges what each node has in the end.

With --brokers each of N brokers is killed with SIGKILL in turn and comes back, the leader of the journal among them; nodes
are left alone, and the journal has a replica at each broker.

With --failover clients know the addresses of both nodes themselves, and one of the nodes is killed, once, and for good: no
write may take longer than FAILOVER_MS.
"""

import argparse
import asyncio
import pathlib
import random
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

from real_server import free_port

TOKEN = "storm-token"  # of kill_storm
UNREACHABLE = 6
FAILOVER_MS = 2_000
DOUBTS = re.compile(r"state_doubted|state_disagrees|index_set_aside")  # beacons tell nodes what state others have
CLUSTER = f"storm-{time.time_ns()}"


class Node:
    def __init__(self, options, name):
        self.options = options
        self.data = pathlib.Path(options.dir, name)
        self.port, self.admin_port = free_port(), free_port()
        self.process = None

    def start(self):
        with open(f"{self.data}.log", "a") as log:
            self.process = subprocess.Popen(
                [f"{self.options.build}/bin/capstand", "--data-dir", self.data, "--listen", f"127.0.0.1:{self.port}",
                 "--admin-listen", f"127.0.0.1:{self.admin_port}", "--auth-dev-token", TOKEN,
                 "--journal-cluster", f"kafka://{self.options.kafka}/{CLUSTER}", "--journal-cluster-replicas", str(self.options.brokers or 1),
                 "--journal-segment-bytes", "1048576", "--checkpoint-interval-ms", "500"], stdout=log, stderr=log)

    def is_ready(self):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/readyz", timeout=5).status == 200
        except (urllib.error.URLError, OSError):
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        return self.process.wait()


class Balancer:
    """Passes connections on to the nodes; `cut` makes some clients connect anew."""

    def __init__(self, nodes, dice):
        self.nodes, self.dice = nodes, dice
        self.open = set()
        self.moved = 0

    async def listen(self):
        server = await asyncio.start_server(self.carry, "127.0.0.1", 0)
        return server.sockets[0].getsockname()[1]

    async def connect(self):
        for node in self.dice.sample(self.nodes, len(self.nodes)):
            try:
                return await asyncio.open_connection("127.0.0.1", node.port)
            except OSError:
                pass
        raise OSError("no node takes connections")

    async def carry(self, reader, writer):
        try:
            far_reader, far_writer = await self.connect()
        except OSError:
            writer.close()
            return
        self.open.add(writer)
        ways = [asyncio.create_task(pump(reader, far_writer)), asyncio.create_task(pump(far_reader, writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for one in (writer, far_writer):
            one.close()
        self.open.discard(writer)

    def cut(self):
        for writer in self.dice.sample(sorted(self.open, key=id), len(self.open) // 2):
            writer.transport.abort()
            self.moved += 1


async def pump(reader, writer):
    try:
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass


async def until_ready(node):
    """As a supervisor: a node that finds no broker ends with exit code 6, and is started again."""
    while not await asyncio.to_thread(node.is_ready):
        if node.process.poll() == UNREACHABLE:
            node.start()
        elif node.process.poll() is not None:
            last = pathlib.Path(f"{node.data}.log").read_text().splitlines()[-5:]
            raise RuntimeError("\n".join([f"a node ended with exit code {node.process.returncode}:", *last]))
        await asyncio.sleep(0.05)


async def move_clients(balancer, until):
    while time.monotonic() < until:
        await asyncio.sleep(balancer.dice.uniform(0.3, 1.2))
        balancer.cut()


async def kill_nodes(nodes, dice, until):
    kills = 0
    while time.monotonic() < until:
        node = dice.choice(nodes)
        await asyncio.sleep(dice.uniform(0.5, 1.5))
        node.kill()
        kills += 1
        await asyncio.sleep(dice.uniform(0.1, 1.0))
        node.start()
        await until_ready(node)  # the other one is not killed meanwhile
    return kills


async def kill_broker(after):
    await asyncio.sleep(after)
    await asyncio.to_thread(subprocess.run, ["deploy/kafka/broker", "stop", "kill"], check=True)
    await asyncio.to_thread(subprocess.run, ["deploy/kafka/broker", "start"], check=True, stdout=subprocess.DEVNULL)


async def everything(options, nodes, balancer):
    until = time.monotonic() + options.seconds - 1
    kills, _, _ = await asyncio.gather(kill_nodes(nodes, balancer.dice, until), move_clients(balancer, until),
                                       kill_broker(options.seconds / 3))
    print(f"{kills} kills of nodes, {balancer.moved} connections cut")


async def kill_brokers(options, nodes, balancer):
    """One at a time: the others have to hold what was acknowledged, and one of them becomes the leader."""
    for broker in range(1, options.brokers + 1):
        await asyncio.sleep(options.seconds / options.brokers / 2)
        await asyncio.to_thread(subprocess.run, ["deploy/kafka/broker", "kill", str(broker)], check=True)
        await asyncio.sleep(options.seconds / options.brokers / 2)
        await asyncio.to_thread(subprocess.run, ["deploy/kafka/broker", "revive", str(broker)], check=True)
        balancer.cut()
    print(f"{options.brokers} brokers were killed")


async def failover(options, nodes, _):
    await asyncio.sleep(options.seconds / 2)
    nodes.pop().kill()


async def judge(options, writers):
    """What is wrong, by the writers."""
    said = (await writers.communicate())[0].decode()
    print(said, end="")
    slowest = int(re.search(r"slowest write took (\d+) ms", said)[1])
    too_slow = options.failover and slowest > FAILOVER_MS
    return writers.returncode != 0 or too_slow


async def storm(options):
    nodes = [Node(options, "one"), Node(options, "two")]
    started = list(nodes)
    for node in nodes:
        node.start()
    try:
        for node in nodes:
            await until_ready(node)
        balancer = Balancer(nodes, random.Random(options.seed))
        addresses = [f"http://127.0.0.1:{node.port}" for node in nodes]
        at = ",".join(addresses) if options.failover else f"http://127.0.0.1:{await balancer.listen()}"
        lasting = addresses[:1] if options.failover else addresses
        writers = await asyncio.create_subprocess_exec(
            f"{options.build}/bin/kill_storm", "--at", at, "--dir", options.dir,
            "--nodes", ",".join(lasting), "--seconds", str(options.seconds),
            stdout=subprocess.PIPE)
        trouble = failover if options.failover else kill_brokers if options.brokers else everything
        await trouble(options, nodes, balancer)
        failed = await judge(options, writers)
        ends = [node.stop() for node in nodes]
        if any(ends):
            print(f"SIGTERM ended with exit codes {ends}")
        doubts = [node.data.name for node in started if DOUBTS.search(pathlib.Path(f"{node.data}.log").read_text())]
        if doubts:
            print(f"I14: nodes that came to another state, or doubted it: {doubts}")
        return failed or any(ends) or bool(doubts)
    finally:
        for node in started:
            if node.process.poll() is None:
                node.kill()


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--failover", action="store_true")
    parser.add_argument("--brokers", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(storm(parse())))
