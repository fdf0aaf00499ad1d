"""A TCP proxy that makes a good network bad, between a real SDK and a real capstand.

  chaos_proxy.py --to PORT [--delay MS] [--loss PERCENT] [--bits N] [--reset-after BYTES] [--chunk BYTES] [--seed N]

Prints its port, then at its end (SIGTERM) what it carried: `bytes N connections N resets N`. Delay is for each way. A
lost piece comes 300 ms late, and what is behind it waits, as TCP sends again. `--bits` is the rate of each way, a second.
`--reset-after` resets a connection when it has carried about so many bytes. `--chunk` trickles: pieces are no larger.
"""

import argparse
import asyncio
import random
import signal
import socket
import struct

RETRANSMISSION = 0.3  # seconds
READ_BYTES = 4_096
UNDER_WAY_PIECES = 64  # then the sender waits


class Proxy:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.bytes = self.connections = self.resets = 0

    async def serve(self):
        server = await asyncio.start_server(self.carry, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        await stopped.wait()
        print(f"bytes {self.bytes} connections {self.connections} resets {self.resets}", flush=True)

    async def carry(self, reader, writer):
        self.connections += 1
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.options.to)
        except OSError:
            writer.close()
            return
        budget = [self.random.randrange(self.options.reset_after // 2, self.options.reset_after * 2)
                  if self.options.reset_after else None]
        spent = asyncio.Event()
        ways = [asyncio.create_task(self.one_way(reader, far_writer, budget, spent)),
                asyncio.create_task(self.one_way(far_reader, writer, budget, spent)),
                asyncio.create_task(spent.wait())]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        if spent.is_set():
            self.resets += 1
            for one in (writer, far_writer):
                # A reset, not an end.
                one.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for task in ways:
            task.cancel()
        for one in (writer, far_writer):
            one.close()

    async def one_way(self, reader, writer, budget, spent):
        """Ends with the connection."""
        pieces = asyncio.Queue(UNDER_WAY_PIECES)
        sender = asyncio.create_task(self.send(pieces, writer, budget, spent))
        loop = asyncio.get_running_loop()
        free_at = due = loop.time()
        try:
            while piece := await reader.read(self.options.chunk or READ_BYTES):
                self.bytes += len(piece)
                free_at = max(free_at, loop.time()) + (len(piece) * 8 / self.options.bits if self.options.bits else 0)
                late = RETRANSMISSION if self.random.random() * 100 < self.options.loss else 0
                due = max(due, free_at + self.options.delay / 1_000 + late)
                await pieces.put((due, piece))
            await pieces.put((due, b""))
            await sender
        except OSError:
            pass
        finally:
            sender.cancel()

    @staticmethod
    async def send(pieces, writer, budget, spent):
        """What has been passed on counts, so that something is, however little is allowed."""
        loop = asyncio.get_running_loop()
        while True:
            due, piece = await pieces.get()
            await asyncio.sleep(max(0, due - loop.time()))
            if not piece:
                return
            try:
                writer.write(piece)
                await writer.drain()
            except OSError:
                return
            if budget[0] is not None:
                budget[0] -= len(piece)
                if budget[0] < 0:
                    spent.set()
                    return


def main():
    parser = argparse.ArgumentParser(description="makes a good network bad")
    parser.add_argument("--to", type=int, required=True, help="the port of the server")
    parser.add_argument("--delay", type=float, default=0, help="milliseconds, each way")
    parser.add_argument("--loss", type=float, default=0, help="percent of the pieces come late")
    parser.add_argument("--bits", type=int, default=0, help="a second, each way; 0: as many as come")
    parser.add_argument("--reset-after", type=int, default=0, help="bytes; 0: never")
    parser.add_argument("--chunk", type=int, default=0, help="bytes of a piece, at most")
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(Proxy(parser.parse_args()).serve())


main()
