"""The drawing is true: ARCHITECTURE.md names the files there are; `import calotype` is light."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/calotype"
LINE = re.compile(r"^- `(src/calotype/[^`]+\.py)` - (\S.*)$", re.MULTILINE)


def test_the_tree_is_the_files():
    """Every file has its line, and the line is the first sentence of the file itself."""
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    files = (path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
    there = {str(path.relative_to(ROOT)): first_sentence(path) for path in files}
    assert dict(LINE.findall(text)) == there


def first_sentence(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert docstring, f"{path} does not say what it is"
    first = re.split(r"\n\n|\. ", docstring)[0]
    return first.replace("\n", " ").replace("``", "`").rstrip(".")


def test_files_can_be_read_in_one_sitting():
    for path in PACKAGE.rglob("*.py"):
        lines = path.read_text("utf-8").count("\n")
        assert lines <= 400, f"{path} has {lines} lines: is it one room?"


def test_importing_the_package_imports_no_heavy_module():
    program = (
        "import sys, calotype; "
        "print([name for name in ('torch', 'numpy', 'PIL', 'pydantic') if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_nothing_downloads_or_stores_at_import():
    """Importing every module leaves the global random state and the default types as they were."""
    program = (
        "import importlib, pkgutil, torch, calotype\n"
        "state, threads = torch.get_rng_state(), torch.get_num_threads()\n"
        "for module in pkgutil.walk_packages(calotype.__path__, 'calotype.'):\n"
        "    importlib.import_module(module.name)\n"
        "assert torch.equal(state, torch.get_rng_state())\n"
        "assert torch.get_default_dtype() == torch.float32\n"
        "assert torch.get_num_threads() == threads and torch.is_grad_enabled()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_public_name_has_one_meaning():
    """What two rooms offer under one name is one thing."""
    homes: dict[str, dict[str, object]] = {}
    for path in sorted(PACKAGE.rglob("__init__.py")):
        name = ".".join(["calotype", *path.parent.relative_to(PACKAGE).parts])
        room = importlib.import_module(name)
        for public in getattr(room, "__all__", ()):
            homes.setdefault(public, {})[name] = getattr(room, public)
    for public, rooms in homes.items():
        first, *others = rooms.values()
        assert all(other is first for other in others), f"{public} in {', '.join(rooms)}"
