"""Writes changed copies of the product's files, as mutants.txt says. Called by the build.

plant.py SOURCE OUT          writes the copies below OUT, and OUT/mutant_names.inc
plant.py SOURCE OUT --list   prints what would be written, one path a line
"""

import sys
from pathlib import Path

PROLOGUE = "namespace capstan::simulator {\nbool planted(int mutant);\n}\n"
PLANTED = "::capstan::simulator::planted({})"


def read_mutants(path):
    """(names, texts by file as (mutant, before, after), files to copy)"""
    names, texts, copies = [], {}, []
    file, part, before, after = None, None, [], []
    for line in path.read_text().splitlines():
        if part is None and (not line or line.startswith("#")):
            continue
        if line == "<<<<":
            before, after = [], []
            part = before
        elif line == "====":
            part = after
        elif line == ">>>>":
            texts.setdefault(file, []).append((len(names), "\n".join(before), "\n".join(after)))
            part = None
        elif part is not None:
            part.append(line)
        else:
            word, _, rest = line.partition(" ")
            if word == "mutant":
                names.append(rest)
            elif word == "file":
                file = rest
            elif word == "also":
                copies.append(rest)
            else:
                sys.exit(f"{path}: what is this: {line}")
    return names, texts, copies


def planted(source, path, texts):
    content = (source / path).read_text()
    for mutant, before, after in texts:
        if content.count(before) != 1:
            sys.exit(f"{path}: found {content.count(before)} times instead of once:\n{before}")
        content = content.replace(before, after.replace("PLANTED", PLANTED.format(mutant)))
    pragma = "#pragma once\n"
    head, content = (pragma, content[len(pragma):]) if content.startswith(pragma) else ("", content)
    return head + PROLOGUE + content


def main():
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    names, texts, copies = read_mutants(source / "tests/simulator/mutants/mutants.txt")
    paths = sorted({*texts, *copies})
    if "--list" in sys.argv:
        print("\n".join(paths))
        return
    for path in paths:
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(planted(source, path, texts.get(path, [])))
    names_file = "".join(f'    "{name}",\n' for name in names)
    (out / "mutant_names.inc").write_text(names_file)


main()
