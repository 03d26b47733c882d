"""The Python that the README shows runs as it stands."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_the_python_example_runs(tmp_path: Path):
    (program,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"sphere-{seed}.png" for seed in range(1, 5)
    ]
