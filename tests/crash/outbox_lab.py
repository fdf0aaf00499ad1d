"""The crash laboratory for a device: what an application on the SDK leaves on its disk when the power fails.

killed_app writes to a model, with its server and without one, and is killed; both record what they do to their
files (recorder.cpp), and what the application was told is stored is marked in the same record. Then the power
fails everywhere at once, at places of the record. On each such pair of disks the server is started and the
application opens its store: all that it had called stored must reach the stream, each once, and nothing that it
did not write (I2, I9, I12); its stored model must be what the stream makes (I13); and the same again with the
next opening (I18).

  outbox_lab.py --capstand PROGRAM --app KILLED_APP --recorder LIBRARY [--states N] [--seconds N] [--seed N] [--plant no-store-flush]
"""

import collections
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from crash_record import PLANTS, environment, laboratory, look_at_states, mark, read_record
from real_server import TOKEN, Found, Server

NOBODY = "http://127.0.0.1:1"
LIVES = ((True, 1_000_000), (False, 2_000_000), (True, 3_000_000))  # with its server? from which number on
WRITES_MAX = 400  # of a life: checking costs what there is


def lives(options, root, log):
    """All that the application wrote or was about to; what is stored goes into the record."""
    marks = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    recorded = environment(options.recorder, root, log)
    server = Server(options.capstand, root, recorded)
    written = set()
    for online, first in LIVES:
        url = f"http://127.0.0.1:{server.port}" if online else NOBODY
        app = subprocess.Popen([options.app, "write", url, TOKEN, f"{root}/app", str(first), str(WRITES_MAX)],
                               env=os.environ | recorded, stdout=subprocess.PIPE, text=True)
        written.update(range(first, first + WRITES_MAX))

        def hear():
            for line in app.stdout:
                mark(marks, int(line))

        listener = threading.Thread(target=hear)
        listener.start()
        time.sleep(options.seconds / len(LIVES))
        app.kill()
        app.wait()
        listener.join()
    server.kill()
    os.close(marks)
    return written


def open_again(options, root):
    """The notes in the stream once the application has sent what it had."""
    server = Server(options.capstand, root)
    try:
        opened = subprocess.run([options.app, "check", f"http://127.0.0.1:{server.port}", TOKEN, f"{root}/app"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        if opened.returncode != 0:
            raise Found(f"I13: exit {opened.returncode}: {opened.stderr.strip()}")
        head, *notes = opened.stdout.splitlines()
        count, _, counted, _ = head.split()
        if count != counted:
            raise Found(f"I2: {count} notes were counted {counted} times")
        return {int(note) for note in notes}
    finally:
        server.kill()


def check_state(options, root, stored, written):
    notes = open_again(options, root)
    if lost := set(stored) - notes:
        raise Found(f"I12: {len(lost)} writes were called stored and are gone, {min(lost)} the first")
    if notes - written:
        raise Found("I9: a note that nobody wrote")
    if open_again(options, root) != notes:
        raise Found("I18: the next opening shows something else")


def main():
    parser = laboratory("what an application leaves on its disk when the power fails", seconds=0.6)
    parser.add_argument("--app", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        recorded = Path(directory) / "recorded"
        recorded.mkdir()
        log = Path(directory) / "log"
        written = lives(options, recorded, log)
        ops = list(read_record(log))
        of_app = collections.Counter(op.kind for op in ops if op.name.startswith("app/"))
        told = sum(op.kind == "a" for op in ops)
        print(f"recorded {len(ops)} operations, of the application {of_app['w'] + of_app['W']} writes and "
              f"{of_app['f'] + of_app['s']} flushes; {told} writes called stored", flush=True)
        if not told or not of_app["W"]:
            sys.exit("the record lacks writes that were stored")
        # What a plant leaves out is the application's: the server keeps its promises.
        plant = PLANTS.get(options.plant, lambda op: False)
        looked = look_at_states(options, Path(directory) / "state", ops,
                                lambda op: op.name.startswith("app/") and plant(op),
                                lambda root, stored: check_state(options, root, stored, written))
        print(f"{looked} states: all that was stored reaches the stream, once, and the model is what it makes")


main()
