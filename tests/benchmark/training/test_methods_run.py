"""A run of a method that is fitted, of a user's file, and of finished masks: the real command, in process."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from benchmark import run
from benchmark.record.events import METHOD
from benchmark.training.learning import fitted
from benchmark.training.learning.epochs import _require_alive
from compliance.check import main as check
from tests.support.project import TINY, TINY_SHAPE, read_events, value_of

PIXELS = TINY_SHAPE[0] * TINY_SHAPE[1]

FITTED = """
import numpy as np
from benchmark.methods.interface import About, Fitted
ABOUT = About("A user's threshold", ("https://example.org/a|b",), "all")
def fit(examples, seed):
    {fit}
def predict(inputs, tables):
    {predict}
def method():
    return Fitted(fit, predict, scenes={scenes})
"""
FIT = "return {'mean': np.mean([x.inputs[..., 7].mean() for x in examples])}"
PREDICT = "return (inputs[..., 7] < tables['mean']).astype(np.float32)"


@pytest.fixture
def place(tiny_place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()  # its own, so that nothing is staged for other tests
    (tmp_path / "data" / "synthetic").symlink_to(tiny_place / "data" / "synthetic")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(place: Path, fit: str = FIT, predict: str = PREDICT, scenes: bool = True) -> None:
    (place / "mine.py").write_text(FITTED.format(fit=fit, predict=predict, scenes=scenes))


def start(*arguments: str) -> int:
    return run.main(["--config", str(TINY), "--seed", "1", *arguments])


def errors_of(log: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    check(["--severity", "error", str(log)])
    found = [line for line in capsys.readouterr().out.splitlines() if ": error [" in line]
    return [line.split("[")[1].split("]")[0] for line in found]


def test_a_run_goes_on_without_the_files_that_it_can_do_without(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(place)
    root = place / "logs/tiny-mine-seed-1"
    for name in ("metrics.csv", "timers.txt", "plots/curves.png", "plots/scenes.png"):
        (root / name).mkdir(parents=True)
    assert start("--method", "mine.py") == 0
    said = capsys.readouterr().out
    for name in ("metrics.csv", "timers.txt"):
        assert f"{name}: Is a directory; the run does without it" in said
    events = read_events(root / "result.txt")
    assert [event["metadata"].get("status") for event in events if event["key"] == "run_stop"] == ["success"]
    assert errors_of(root / "result.txt", capsys) == []


def test_a_folder_that_cannot_be_written_any_more_is_told_with_cause_and_remedy(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(place)
    root = place / "logs/tiny-mine-seed-1"

    def read_only(path: Path, *_: object) -> None:
        (root / ".lock").unlink()
        (root / ".lock").mkdir()  # cannot be removed as a file
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(fitted, "save_tables", read_only)
    assert start("--method", "mine.py") == 1
    assert capsys.readouterr().err == (
        "error: logs/tiny-mine-seed-1/weights.npz\n"
        "  found:    Read-only file system\n"
        "  expected: files that can be read and written during the run\n"
        "  remedy:   look at the disk, and at the permissions of the folder, and continue with --resume: "
        "what was done until the last checkpoint is kept\n"
    )
    reason = read_events(root / "result.txt")[-1]["metadata"]["reason"]
    assert reason == "OSError: [Errno 30] Read-only file system: 'logs/tiny-mine-seed-1/weights.npz'"


@pytest.mark.parametrize("scenes", [True, False])
def test_a_fitted_method_of_a_users_is_a_run_of_one_epoch(
    place: Path, capsys: pytest.CaptureFixture[str], scenes: bool
) -> None:
    write(place, scenes=scenes)
    assert start("--method", "mine.py") == 0, capsys.readouterr().err
    root = place / "logs/tiny-mine-seed-1"
    events = read_events(root / "result.txt")
    keys = [event["key"] for event in events]
    assert set(METHOD) <= set(keys)
    assert [key for key in keys if key.startswith("opt_")] == []
    assert (value_of(events, "epochs"), keys.count("epoch_start"), keys.count("eval_accuracy")) == (1, 1, 1)
    trained = next(event for event in events if event["key"] == "train_accuracy")
    assert (
        trained["metadata"]["pixels"]
        == value_of(events, "train_samples") * value_of(events, "patch_size") ** 2
    )
    assert (root / "method.py").read_text() == (place / "mine.py").read_text()
    assert value_of(events, "method_source") == "mine.py"
    assert value_of(events, "result")["parameters"] == 1
    assert (root / "weights.npz").exists()
    assert (root / "plots/curves.png").exists()
    assert errors_of(root / "result.txt", capsys) == []


def test_no_label_of_an_inference_scene_is_given_away_before_the_last_mask_is_written(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmark.training.context import RunContext

    write(place)
    seen: list[tuple[str, int]] = []
    for name in ("read_inputs", "read_labels", "read"):
        real = getattr(RunContext, name)

        def noted(self: RunContext, path: Path, real=real, name: str = name) -> object:
            if "inference" in path.parts:
                seen.append((name, len(list((place / "logs/tiny-mine-seed-1/masks").glob("*.h5")))))
            return real(self, path)

        monkeypatch.setattr(RunContext, name, noted)
    assert start("--method", "mine.py") == 0
    scoring = [("read_labels", 4)] * 4 + [("read", 4)] * 4
    assert [name for name, _ in seen[:4]] == ["read_inputs"] * 4
    assert seen[4:] == scoring


def test_masks_of_another_program_are_scored_and_not_accepted_as_a_submission(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(place)
    assert start("--method", "mine.py") == 0
    first = place / "logs/tiny-mine-seed-1"
    shutil.copytree(first / "masks", place / "theirs")
    assert start("--method", "masks:theirs") == 0, capsys.readouterr().err
    log = place / "logs/tiny-masks-seed-1/result.txt"
    scored, again = read_events(first / "result.txt"), read_events(log)
    assert value_of(again, "test_accuracy") == value_of(scored, "test_accuracy")
    assert errors_of(log, capsys) == ["method-masks"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.unlink(), "no file"),
        (lambda path: path.write_bytes(b"no HDF5"), "a file that HDF5 cannot read"),
        (lambda path: rewrite(path, other=np.zeros(TINY_SHAPE)), "datasets other"),
        (lambda path: rewrite(path, mask=np.zeros((10, 10))), "mask: float64 of shape [10, 10]"),
        (
            lambda path: rewrite(path, mask=np.full(TINY_SHAPE, 2)),
            f"mask with {PIXELS} values outside of 0 to 1",
        ),
        (lambda path: shutil.copy(path, path.with_suffix(".nc")), "2 files"),
    ],
)
def test_masks_that_cannot_be_scored_end_the_run_with_a_sentence(
    place: Path, capsys: pytest.CaptureFixture[str], change, said: str
) -> None:
    names = sorted(path.stem for path in (place / "data/synthetic/inference").rglob("*.hdf"))
    for name in names:
        rewrite(place / "theirs" / f"{name}.h5", mask=np.zeros(TINY_SHAPE, np.uint8))
    change(place / "theirs" / f"{names[2]}.h5")
    assert start("--method", "masks:theirs") == 1
    assert said in capsys.readouterr().err
    last = read_events(place / "logs/tiny-masks-seed-1/result.txt")[-1]
    assert (last["key"], last["metadata"]["status"]) == ("run_stop", "aborted")


def rewrite(path: Path, **datasets: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name] = values


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"fit": "raise KeyError('S10')"}, "fit() raised KeyError: 'S10'"),
        ({"fit": "return 3"}, "int"),
        ({"fit": "return {'a': 'text'}"}, "a: no numbers"),
        ({"predict": "return 1 / 0"}, "predict() raised ZeroDivisionError"),
        ({"predict": "return np.full(inputs.shape[:2], np.nan)"}, f"({PIXELS} are NaN)"),
        ({"predict": "return inputs[..., 7]"}, "values are NaN or outside 0 to 1"),
        ({"predict": "return inputs[:5, :5, 0]"}, "float32 of shape [5, 5]"),
        ({"predict": "return 0.5"}, "float"),
        ({"predict": "return np.full(inputs.shape[:2], 0.5)"}, "the same probability, 0.5, for every pixel"),
    ],
)
def test_a_method_that_goes_wrong_ends_the_run_with_a_sentence(
    place: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, str], said: str
) -> None:
    write(place, **changed)
    assert start("--method", "mine.py") == 1
    error = capsys.readouterr().err
    assert said in error
    assert "expected:" in error
    last = read_events(place / "logs/tiny-mine-seed-1/result.txt")[-1]
    assert (last["key"], last["metadata"]["status"]) == ("run_stop", "aborted")
    assert "MethodError" in last["metadata"]["reason"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--method", "nothing"), "neither a shipped method nor a module that can be imported"),
        (("--method", "nothing.py"), "no file nothing.py"),
        (("--method", "thresholds", "--set", "method.options.x=1"), "an unknown field"),
        (("--set", "geometry.patch=20"), "a multiple of 8, as unet needs it"),
    ],
)
def test_a_method_that_cannot_be_had_is_refused_before_anything_is_made(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert start(*arguments) == 2
    assert said in capsys.readouterr().err
    assert not (place / "logs").exists()


def test_a_network_whose_output_has_died_is_stopped() -> None:
    from benchmark.core.errors import MethodError

    _require_alive(0.01, 0.5, 1)
    with pytest.raises(MethodError, match="the network's output has died"):
        _require_alive(1e-5, 0.5, 1)
