"""Prints a port of loopback with which all that are so far above it are free, too.

  free_ports.py [DISTANCE ...]

None of them is one that the system gives to whoever asks for any: it would be gone by the time, or when a
server that was killed wants it again.
"""

import random
import socket
import sys

EPHEMERAL = 32_768  # Linux's net.ipv4.ip_local_port_range begins here


def is_free(port):
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def main():
    distances = [0, *map(int, sys.argv[1:])]
    while True:
        port = random.randrange(10_000, EPHEMERAL - max(distances))
        if all(is_free(port + distance) for distance in distances):
            print(port)
            return


main()
