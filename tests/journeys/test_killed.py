"""The law of resumption under ``kill -9``: a run killed anywhere, often, is the unbroken run."""

import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from runs import BATCH, run_of

from calotype.errors import UserError
from calotype.training import TrainSettings, train
from calotype.training.state import checkpoints, load_state

# A process for each life of a run; they start from one that has imported all and computed nothing.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["calotype.training.run"])

# What a process does to files, as Python reports it to audit hooks.
FILE_EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")
RUNS = 9  # the n-th ends after n / RUNS of what the unbroken run touches


def train_in_process(table: dict, killed_at: int | None, saving: bool, connection) -> None:
    """Run or resume a training, and die by SIGKILL just before it touches its folder again.

    saving: only what puts a checkpoint in its place counts; half of it is written then.
    """
    multiprocessing.set_start_method("fork", force=True)  # what Linux does outside this test
    settings, events = TrainSettings.model_validate(table), 0

    def watch(event: str, arguments: tuple) -> None:
        nonlocal events
        if event not in FILE_EVENTS or not str(arguments[0]).startswith(table["out"]):
            return
        if saving and (event != "os.rename" or "/checkpoints/" not in str(arguments[0])):
            return
        events += 1
        if events == killed_at:
            if saving:
                os.truncate(arguments[0], os.path.getsize(arguments[0]) // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    list(train(settings, resume=bool(checkpoints(settings.out))))
    connection.send(events)


def run_until(table: dict, killed_at: int | None = None, saving: bool = False) -> int | None:
    """How often a life that came to the run's end touched the folder; None for one that did not."""
    here, there = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=train_in_process, args=(table, killed_at, saving, there))
    process.start()
    there.close()
    process.join()
    if process.exitcode == -signal.SIGKILL:
        return None
    assert process.exitcode == 0
    return here.recv()


# One stands for all where time is short: the same loop, with a cache of latents and with workers.
@pytest.fixture(
    params=[
        pytest.param("autoencoder with workers", marks=pytest.mark.slow),
        pytest.param("diffusion", marks=pytest.mark.slow),
        "diffusion with workers",
    ]
)
def table(request, folder: Path, autoencoder: Path, tmp_path: Path):
    """(name) -> settings of a run of four steps, its latents cached in its own folder."""

    def settings(name: str) -> dict:
        kind = request.param.split()[0]
        found = run_of(kind, folder, tmp_path / name, 4 * BATCH, autoencoder)
        made = found.model_dump(mode="json")
        made["data"]["workers"] = 2 if "workers" in request.param else 0
        return made

    return settings


def test_a_run_killed_anywhere_is_the_unbroken_run(table) -> None:
    """Weights, optimiser, averages, journal and exported files, byte for byte."""
    unbroken, broken = table("unbroken"), table("broken")
    events = run_until(unbroken)
    assert events is not None
    kills = 0
    while run_until(broken, 1 + (kills + 1) * events // RUNS) is None:
        kills += 1
    assert kills >= 3
    assert lasting_files(Path(broken["out"])) == lasting_files(Path(unbroken["out"]))


def test_a_run_killed_in_every_save_is_the_unbroken_run(table) -> None:
    """Each life gets one checkpoint further: the next it leaves half-written."""
    unbroken, broken = table("unbroken"), table("broken")
    assert run_until(unbroken) is not None
    for kept in (1, 2, 3):
        assert run_until(broken, 2, saving=True) is None
        assert len(checkpoints(Path(broken["out"]))) == kept
        assert len(list(Path(broken["out"], "checkpoints").iterdir())) == kept + 1
    assert run_until(broken, 2, saving=True) == 1
    assert lasting_files(Path(broken["out"])) == lasting_files(Path(unbroken["out"]))


def lasting_files(out: Path) -> dict[str, bytes]:
    """The files of a run by name, but for the settings, which name the folder, and wall times."""
    other = ("settings.json", "timings.jsonl")
    found = {str(path.relative_to(out)): path for path in out.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name not in other}


def test_a_torn_checkpoint_is_told_and_passed_over(table) -> None:
    """As after an interrupted copy: the run continues from the one before, to the same end."""
    whole, truncated = (TrainSettings.model_validate(table(name)) for name in ("whole", "torn"))
    list(train(whole))
    list(train(truncated))
    newest = checkpoints(truncated.out)[-1]
    os.truncate(newest, newest.stat().st_size - 1)
    notes: list[str] = []
    list(train(truncated, resume=True, note=notes.append))
    (note,) = notes
    assert f"{newest}: not whole" in note
    assert "going on from the checkpoint before" in note
    assert newest.read_bytes() == checkpoints(whole.out)[-1].read_bytes()


def test_no_whole_checkpoint_is_a_mistake(table) -> None:
    settings = TrainSettings.model_validate(table("all torn"))
    list(train(settings))
    for path in checkpoints(settings.out):
        os.truncate(path, 100)
    with pytest.raises(UserError, match="not whole"):
        list(train(settings, resume=True))


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """While open, no file grows beyond ``size`` bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_last_checkpoint_whole(table) -> None:
    settings = TrainSettings.model_validate(table("full"))
    steps = iter(train(settings))
    next(steps)
    (kept,) = checkpoints(settings.out)
    bytes_kept = kept.read_bytes()
    with largest_file(len(bytes_kept) // 2), pytest.raises(UserError, match="cannot be written"):
        list(steps)
    assert checkpoints(settings.out) == [kept]
    assert kept.read_bytes() == bytes_kept
    assert load_state(kept).samples == 2
    list(train(settings, resume=True))
    assert load_state(checkpoints(settings.out)[-1]).samples == 8
