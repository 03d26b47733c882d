"""What the benchmarks measure with: the machine's speed now, whole processes, spread."""

import os
import statistics
import subprocess
import sys
import time

import torch


def probe() -> float:
    """GFLOP/s of a 1024 matmul now."""
    a = torch.randn(1024, 1024)
    started = time.perf_counter()
    for _ in range(10):
        a @ a
    return 10 * 2 * 1024**3 / (time.perf_counter() - started) / 1e9


def measure(command: list[str]) -> tuple[float, float]:
    """Seconds and peak MB of a whole process."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    told = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[0]} failed: {told.decode()[-2000:]}")
    return time.perf_counter() - started, used.ru_maxrss / 1024


def spread(values: list[float], digits: int = 2) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} - {high:.{digits}f})"
