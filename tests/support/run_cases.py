"""Runs the tests of a build and counts their cases. Called by tests/run, in the root of the checkout.

A case is a case of a Boost.Test executable, the replay of one fuzz corpus, one slice of fuzzing, or
one script. A script passes with exit code 0 and is skipped with 77; its last line then says what is
missing and which command provides it.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

SECONDS_MAX = 900  # for one executable; a test that hangs is a failure
EXIT_SKIPPED = 77


@dataclass
class Case:
    name: str
    verdict: str  # passed, failed or skipped
    detail: str = ""  # output of a failure, reason of a skip


@dataclass
class Finished:
    code: int
    output: str


def run(command, seconds=SECONDS_MAX, **extra_environment):
    """Runs a command to its end, and ends it with all its children if that takes too long."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=os.environ | extra_environment,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
        note = f"exit code {process.returncode}\n" if process.returncode else ""
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        note = f"stopped after {seconds} s\n"
    return Finished(process.returncode, output.decode(errors="replace") + note)


def single(name, finished):
    """The case of a command that is one case as a whole."""
    if finished.code == EXIT_SKIPPED:
        lines = finished.output.strip().splitlines()[:-1]  # the last one is the exit code
        return Case(name, "skipped", lines[-1] if lines else "no reason given")
    return Case(name, "failed" if finished.code else "passed", finished.output)


def registered_tests(build, label):
    """The tests that CMake registered under a label, as (name, command)."""
    listing = subprocess.run(
        ["ctest", "--test-dir", build, "--show-only=json-v1", "-L", f"^{label}$"],
        check=True,
        capture_output=True,
    )
    return [(test["name"], test["command"]) for test in json.loads(listing.stdout)["tests"]]


def boost_case_paths(command):
    """The paths of the enabled cases of a Boost.Test executable, as `suite/case`."""
    paths, parents = [], []
    listing = run([*command, "--list_content"]).output.splitlines()
    for line, following in zip(listing, [*listing[1:], ""]):
        depth = indent_of(line) // 4
        parents[depth:] = [line.strip().rstrip("*")]
        if indent_of(following) <= indent_of(line) and line.endswith("*"):
            paths.append("/".join(parents))
    return paths


def indent_of(line):
    return len(line) - len(line.lstrip())


def boost_results(name, report):
    """The cases in the JUnit report of a Boost.Test executable."""
    # Messages may hold any byte; XML may not.
    text = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "?", report.read_text(errors="replace"))
    for element in ElementTree.fromstring(text).iter("testcase"):
        suite = element.get("classname", "").replace(".", "/")
        case = Case("/".join(filter(None, [name, suite, element.get("name")])), "passed")
        if element.find("skipped") is not None:
            reason = re.search(r"- reason: '(.*)'", element.findtext("system-out", ""), re.DOTALL)
            case.verdict = "skipped"
            case.detail = reason[1].removeprefix("precondition failed: ") if reason else "disabled"
        elif element.find("failure") is not None or element.find("error") is not None:
            case.verdict = "failed"
        yield case


def run_boost(name, command, build, wanted):
    selection = []
    if wanted.pattern:
        paths = [path for path in boost_case_paths(command) if wanted.search(f"{name}/{path}")]
        if not paths:
            return []
        selection = ["--run_test=" + ":".join(paths)]
    report = build / "results" / f"{name}.xml"
    report.parent.mkdir(exist_ok=True)
    report.unlink(missing_ok=True)
    log = f"--logger=HRF,error:JUNIT,error,{report}"
    finished = run([*command, log, "--report_level=no", "--color_output=no", *selection])
    try:
        cases = [case for case in boost_results(name, report) if wanted.search(case.name)]
    except (OSError, ElementTree.ParseError):
        return [Case(name, "failed", "the executable ended early\n" + finished.output)]
    failed = [case for case in cases if case.verdict == "failed"]
    if finished.code and not failed:  # such as a leak that is found at the exit
        failed = [Case(f"{name}/exit", "failed")]
        cases += failed
    if failed:
        failed[0].detail = finished.output
    return cases


def fuzz(name, command, build, seconds):
    """Looks for new failures; inputs that reach new code are kept in the build folder."""
    executable, corpus = command[0], command[-1]
    kept = build / "fuzzing" / name
    kept.mkdir(parents=True, exist_ok=True)
    slice_name = f"{name} for {seconds} s"
    options = [
        f"-max_total_time={seconds}",
        f"-artifact_prefix={kept}.",  # where the failing input goes: <name>.crash-<hash>
        "-timeout=25",
        "-error_exitcode=1",  # its own choice, 77, means skipped here
    ]
    finished = run([executable, *options, str(kept), corpus], seconds=seconds + SECONDS_MAX)
    return single(slice_name, finished)


def script_name(path):
    return str(path).removeprefix("tests/")


def all_cases(build, wanted, fuzz_seconds):
    """Every case, executable by executable as they finish, in order of name."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        boost = [
            pool.submit(run_boost, name, command, build, wanted)
            for name, command in registered_tests(build, "boost")
        ]
        replays = [
            pool.submit(lambda name, command: [single(name, run(command))], name, command)
            for name, command in registered_tests(build, "fuzz")
            if wanted.search(name)
        ]
        for future in boost + replays:
            yield from future.result()

    # One at a time: they measure, and they open ports.
    for script in [Path("tests/format"), *sorted(Path("tests/end_to_end").glob("*.test"))]:
        if wanted.search(script_name(script)):
            yield single(script_name(script), run([str(script)], CAPSTAN_BUILD=str(build.resolve())))

    if fuzz_seconds:
        fuzz_build = Path("build/fuzz")
        for name, command in registered_tests(fuzz_build, "fuzz"):
            if wanted.search(name):
                yield fuzz(name, command, fuzz_build, fuzz_seconds)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--filter", type=re.compile, required=True)
    parser.add_argument("--fuzz-seconds", type=int, required=True)
    options = parser.parse_args()

    count = {"passed": 0, "failed": 0, "skipped": 0}
    for case in all_cases(options.build, options.filter, options.fuzz_seconds):
        count[case.verdict] += 1
        if case.verdict == "skipped":
            print(f"skipped {case.name}: {case.detail}", flush=True)
        elif case.verdict == "failed":
            print(f"FAILED {case.name}\n{case.detail}", flush=True)
    if not any(count.values()):
        print(f"no case matches {options.filter.pattern}")
    print(", ".join(f"{number} {verdict}" for verdict, number in count.items()))
    sys.exit(1 if count["failed"] or not any(count.values()) else 0)


main()
