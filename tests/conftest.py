"""What several test files share: one small dataset and one small run, each made once."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from benchmark import ROOT
from benchmark.record.run_folder import RunFolder
from tests.support.project import TINY, make_tiny_scenes, program, read_events
from tests.support.shared import shared

if TYPE_CHECKING:
    from tests.support.surroundings.browser import Tab

#: Markers of the tests that use a fixture.
OF_FIXTURES = {
    "browser": ("slow", "browser"),
    "cluster": ("slow", "slurm"),
    "tiny_run": ("slow",),
    "trained_place": ("slow",),
    "two_megabytes": ("root",),
}
#: Folders and files in which every test trains, packages, or waits for other programs.
SLOW = (
    "tests/end_to_end",
    "tests/benchmark/compute",
    "tests/benchmark/synthesis",
    "tests/benchmark/download",
    "tests/compliance/upstream",
    "tests/compliance/rules/folder",
    "tests/compliance/rules/foreign/test_profiles_",
    "tests/compliance/rules/log/test_configurations.py",
    "tests/compliance/rules/plausible",
    "tests/compliance/rules/tree/test_code_rules.py",
    "tests/compliance/rules/tree/test_contribution_rules.py",
    "tests/compliance/rules/tree/test_secret_rules.py",
    "tests/compliance/rules/tree/test_tree_",
    "tests/compliance/test_fuzz.py",
    "tests/submission",
    "tests/cloudmask",
)
#: The files that take longest, the longest first.
LONGEST = (
    "tests/end_to_end/test_sweep_runs.py",
    "tests/end_to_end/test_resume.py",
    "tests/end_to_end/test_workers.py",
    "tests/end_to_end/test_run.py",
    "tests/benchmark/compute/test_unet_and_engine.py",
    "tests/submission/report",
    "tests/end_to_end",
    "tests/benchmark/methods/test_networks.py",
    "tests/submission/verify",
    "tests/compliance/rules/foreign/test_profiles_",
    "tests/benchmark/stores",
    "tests/submission/figures",
    "tests/benchmark/compute",
    "tests/submission/package",
    "tests/compliance/upstream",
    "tests/submission",
)

settings.register_profile("cloudmask", deadline=None)  # no test asserts a time
settings.load_profile("cloudmask")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by what they need, so that ``-m "not slow"`` answers within a minute, and order them.

    Fast files come first. Then the longest come first, so that parallel workers, which take a file each,
    end at about the same time.
    """
    slow_files = set()
    for item in items:
        names = [name for used, names in OF_FIXTURES.items() if used in item.fixturenames for name in names]  # type: ignore[attr-defined]
        if item.path.relative_to(ROOT).as_posix().startswith(SLOW):
            names.append("slow")
        for name in dict.fromkeys(names):
            item.add_marker(name)
        if item.get_closest_marker("slow"):  # by its fixtures, its place, or its own mark
            slow_files.add(item.path)

    def place(item: pytest.Item) -> int:
        if item.path not in slow_files:
            return -1
        name = item.path.relative_to(ROOT).as_posix()
        return next((n for n, start in enumerate(LONGEST) if name.startswith(start)), len(LONGEST))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays until the end: TensorFlow, the tests, their parameters."""
    gc.freeze()


@pytest.fixture(scope="session")
def tiny_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny configuration's dataset below data/synthetic/."""
    place = tmp_path_factory.mktemp("tiny")
    make_tiny_scenes(place)
    return place


@dataclass(frozen=True)
class FinishedRun:
    folder: RunFolder
    place: Path
    output: str
    events: list[dict[str, Any]]


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """The tiny configuration run once with seed 1, by the real command, where no run has staged before."""

    def make(place: Path) -> None:
        make_tiny_scenes(place)
        done = program("benchmark.run", "--config", TINY, "--seed", 1, cwd=place)
        assert done.returncode == 0, done.stdout + done.stderr
        (place / "said").write_text(done.stdout, newline="")

    place = shared(tmp_path_factory, "tiny run", make)
    folder = RunFolder(place / "logs" / "tiny-seed-1")
    said = (place / "said").read_bytes().decode()
    return FinishedRun(folder, place, said, read_events(folder.log))


@pytest.fixture(scope="session")
def trained_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of this program with a real run of two methods each, on the tiny scenes."""
    from tests.support.runs.trained import make_trained_place

    return shared(tmp_path_factory, "trained", make_trained_place)


@pytest.fixture(scope="module")
def browser() -> Iterator[Tab]:
    """A tab of a real browser, which CI installs."""
    # late: most tests look at no page
    from playwright.sync_api import sync_playwright

    from tests.support.surroundings.browser import OPTIONS, PROGRAM, Tab

    if PROGRAM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=PROGRAM, args=OPTIONS)
        yield Tab(chromium)
        chromium.close()


# ---- a bundle of three runs, made once for all files that look at one


@pytest.fixture(scope="session")
def packaged_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the runs of three seeds, typed by hand, and their bundle in dist/."""
    from submission.package import Options, package
    from tests.support.runs.hand_runs import make_place

    def make(place: Path) -> None:
        make_place(place)
        package(Options([place / "logs"], place / "dist", checkout=place))

    return shared(tmp_path_factory, "place", make)


@pytest.fixture(scope="module")
def place(packaged_place: Path) -> Path:
    """The checkout to look at; a module that needs other runs has a ``place`` of its own."""
    return packaged_place


@pytest.fixture(scope="module")
def bundle(place: Path) -> Path:
    """The bundle of the runs of ``place``."""
    from submission.package import Options, package

    made = [path for path in (place / "dist").glob("*") if path.is_dir()]
    return made[0] if made else package(Options([place / "logs"], place / "dist", checkout=place))


@pytest.fixture(scope="module")
def science(bundle: Path) -> Path:
    """The experiment's folder of the bundle."""
    return bundle / "New-York-University/cloudmask/test-node/quick"


@pytest.fixture(scope="module")
def document(science: Path) -> str:
    return (science / "scientific_contribution.md").read_text()


@pytest.fixture
def hangup_ends() -> Iterator[None]:
    """Let SIGHUP end processes even if the tests were started under nohup, which ignores it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
