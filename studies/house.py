"""How much code one picture enters, and how the code is laid out.

    python studies/house.py [TREE] [--json FILE]

TREE is any checkout of this project (default: the one that this file is in), so that a change can
be measured: give it the checkout before and the checkout after.
"""

import argparse
import ast
import inspect
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from types import CodeType, FrameType
from typing import Any

COUNTED = """\
Entered: a function counts once, by its file and qualified name, when it is called while the
picture is made. Nested functions, lambdas, comprehensions, generator expressions and the bodies of
classes (run by imports: in the second column alone) count, module bodies don't; the line "named" is
functions and methods without lambdas, comprehensions and class bodies. Files: those that hold what
was counted. Python 3.12 and later run a comprehension as part of its function: compare trees under
one version.
Warm: a picture of another prompt was made before, so that nothing is loaded or imported any more;
counted from `calotype.run(model, request)` to the bytes that `picture.file()` returns. Command
line: a new process, counted from `main(["generate", PROMPT, "--steps", "2"])` on. Both: the
packaged model `scenes`, 2 steps, default sampler and guidance, one picture.
Arrows: pairs (room, room) where a file of the first imports from the second, anywhere in the file;
a room is a folder at any depth, or a file that lies directly in the package.
Lengths: lines of a file, all of them; lines of a function from `def` to its last."""

FIRST, PROMPT = "a large red cube on grass", "a small blue sphere on sand"

Names = dict[str, list[str]]
"""File, relative to the package -> the qualified names of the functions entered in it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    here = Path(__file__).parents[1]
    parser.add_argument("tree", nargs="?", type=Path, default=here, help="a checkout")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--enter", choices=ENTER, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    package = arguments.tree.resolve() / "src/calotype"
    if not (package / "__init__.py").is_file():
        parser.error(f"{arguments.tree} is no checkout: it has no src/calotype")
    if arguments.enter:
        print(json.dumps(ENTER[arguments.enter](package)))
        return
    entered = {which: run_apart(which, arguments.tree.resolve()) for which in ENTER}
    trees = {file: ast.parse(file.read_text("utf-8")) for file in sorted(package.rglob("*.py"))}
    arrows = sorted(imports(package, trees))
    lengths = {"files": file_lengths(package), "functions": function_lengths(package, trees)}
    print(f"{COUNTED}\n\n{package.parents[1]}, Python {sys.version.split()[0]}\n")
    print_entered(entered)
    print_layout(arrows, lengths)
    if arguments.json:
        found = {"counted": COUNTED, "entered": entered, "arrows": arrows, "lengths": lengths}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


# ---- what one picture enters ----


def run_apart(which: str, tree: Path) -> Names:
    """What a picture enters, counted in a process of its own that imports the package of `tree`."""
    environment = os.environ | {"PYTHONPATH": str(tree / "src"), "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(Path(__file__).resolve()), str(tree), "--enter", which]
        run = subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
        )
    if run.returncode:
        raise SystemExit(f"{tree}: its picture can't be counted ({which}), for the reason above")
    return json.loads(run.stdout.splitlines()[-1])  # the command itself prints where pictures are


def warm(package: Path) -> Names:
    import calotype

    model = calotype.load("scenes")
    # The record was called TextToImage before it was called Request.
    record = getattr(calotype, "Request", None) or calotype.TextToImage
    sampling = calotype.Sampling(steps=2)
    calotype.run(model, record(prompt=FIRST, sampling=sampling))[0].file()
    request = record(prompt=PROMPT, sampling=sampling)
    with calls() as codes:
        calotype.run(model, request)[0].file()
    return by_file(codes, package)


def cold(package: Path) -> Names:
    from calotype.cli.app import main

    with calls() as codes:
        status = main(["generate", PROMPT, "--steps", "2"])
    if status != 0:
        raise SystemExit(f"calotype generate ended with status {status}")
    return by_file(codes, package)


ENTER: dict[str, Callable[[Path], Names]] = {"warm": warm, "cold": cold}


@contextmanager
def calls() -> Iterator[set[CodeType]]:
    """The code of everything that is called inside, by any thread."""
    codes: set[CodeType] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            codes.add(frame.f_code)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield codes
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def by_file(codes: set[CodeType], package: Path) -> Names:
    found: dict[str, set[str]] = {}
    for code in codes:
        file = Path(code.co_filename)
        if not file.is_relative_to(package) or code.co_name == "<module>":
            continue
        class_body = not code.co_flags & inspect.CO_OPTIMIZED
        name = f"class {code.co_qualname}" if class_body else code.co_qualname
        found.setdefault(file.relative_to(package).as_posix(), set()).add(name)
    if not found:
        raise SystemExit(f"nothing of {package} was called: another calotype was imported")
    return {file: sorted(found[file]) for file in sorted(found)}


def print_entered(entered: dict[str, Names]) -> None:
    print(f"{'files / functions':<24}{'warm':>12}{'command line':>16}")
    both = list(entered.values())
    rows = {"all": [(len(names), total(names)) for names in both]}
    rows["named"] = [count_named(names) for names in both]
    folders = sorted({top(file) for names in both for file in names})
    for folder in folders:
        inside = [{f: n for f, n in names.items() if top(f) == folder} for names in both]
        rows[f"  {folder}"] = [(len(names), total(names)) for names in inside]
    for row, cells in rows.items():
        shown = [f"{files} / {functions}" if files else "-" for files, functions in cells]
        print(f"{row:<24}{shown[0]:>12}{shown[1]:>16}")
    print()


def top(file: str) -> str:
    return file.split("/")[0] + "/" if "/" in file else "directly in calotype/"


def total(names: Names) -> int:
    return sum(map(len, names.values()))


def count_named(names: Names) -> tuple[int, int]:
    others = re.compile(r"^class |>$")
    kept = [[name for name in inside if not others.search(name)] for inside in names.values()]
    return sum(map(bool, kept)), sum(map(len, kept))


# ---- how the code is laid out ----


def imports(package: Path, trees: dict[Path, ast.Module]) -> set[tuple[str, str]]:
    """The pairs (room, room) across which there is an import."""
    rooms = {module_name(package, file): room(package, file) for file in trees}
    found = set()
    for file, tree in trees.items():
        for node in ast.walk(tree):
            for name in imported(node):
                # `from package import name`: a module of the package, or a name of its __init__.
                target = rooms.get(name) or rooms.get(name.rpartition(".")[0])
                if target and target != room(package, file):
                    found.add((room(package, file), target))
    return found


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return []


def module_name(package: Path, file: Path) -> str:
    parts = file.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(package: Path, file: Path) -> str:
    relative = file.relative_to(package)
    return relative.parent.as_posix() if len(relative.parts) > 1 else relative.name


Lengths = dict[str, int]


def file_lengths(package: Path) -> Lengths:
    return {
        file.relative_to(package).as_posix(): len(file.read_text("utf-8").splitlines())
        for file in sorted(package.rglob("*.py"))
    }


def function_lengths(package: Path, trees: dict[Path, ast.Module]) -> Lengths:
    found = {}
    for file, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                last = node.end_lineno or node.lineno
                name = f"{file.relative_to(package).as_posix()}:{node.lineno} {node.name}"
                found[name] = last - node.lineno + 1
    return found


def print_layout(arrows: list[tuple[str, str]], lengths: dict[str, Lengths]) -> None:
    out = Counter(source for source, _ in arrows)
    print(f"arrows between rooms: {len(arrows)}, most from: {tops(out)}")
    for kind, found in lengths.items():
        values = list(found.values())
        print(
            f"{kind}: {len(values)}, lines: {sum(values)}, median {median(values):g}, "
            f"p90 {quantiles(values, n=10)[-1]:.0f}, longest: {tops(Counter(found))}"
        )


def tops(counted: Counter[str]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in counted.most_common(3))


if __name__ == "__main__":
    main()
