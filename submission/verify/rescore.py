"""Recompute the score of a run from its weights, in minutes, while repeating the run takes hours.

This program makes or fetches the inference scenes, predicts them with the bundle's weights, and scores
them against their labels. Nothing in the bundle is executed: weights are read as arrays of numbers. If
the masks are next to the bundle, they can be counted instead, in seconds.

On a machine like the original, every mask is the same to the last bit. On another machine a few pixels
with a probability close to one half change sides; there every scene must agree within the ``TOLERANCE``
of the run's precision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from numpy.typing import NDArray

from benchmark.config.schema import Config
from benchmark.core.display import Display, native_messages_to
from benchmark.record.run_folder import RunFolder
from benchmark.record.system_info import system_facts
from benchmark.record.weights import WeightsError, digest_of, read_arrays
from benchmark.training.evaluate import summarise
from benchmark.training.prepare import use_method
from benchmark.training.rescore import MaskScene, Rescored, masks_by, prediction
from benchmark.training.rescore import rescore as score_again
from compliance.finding import Finding
from compliance.registry import OWN
from compliance.subjects.log import LogEvent, count_of
from submission.bundle.masks import read_picture
from submission.bundle.reading import Bundle
from submission.runs.runs import CheckedRun
from submission.verify.work import (
    RepeatError,
    differing_parts,
    inference_scenes,
    runs_of,
    with_data,
    work_folder,
)

#: Maximum difference in a scene's share of right pixels on another kind of machine, by the run's
#: precision: four to eight times the largest measured difference between kernels and precisions
#: (docs/verify.md).
TOLERANCE = {"float32": 5e-4, "mixed_bfloat16": 1e-3, "mixed_float16": 1e-3}


def rescore(
    bundle: Bundle, seed: int | None = None, data: Path | None = None
) -> Iterator[tuple[str, list[Finding]]]:
    """Recompute the scores of the run of ``seed``, or of all runs; yield a line and findings for each.

    ``data`` is a folder with the scenes, if they are available. Raises CloudMaskError if scoring is not
    possible.
    """
    chosen = runs_of(bundle, seed, "--rescore")
    with work_folder() as work:
        config, method = use_method(with_data(_trusted(chosen[0][1]).config, data, work))
        scenes = inference_scenes(config, Display())
        for number, run in chosen:
            arrays, path = _weights(bundle, number), _log_path(bundle, number)
            if found := _other_weights(run, arrays, path):
                yield f"the run of seed {run.seed}: not scored, its weights are others", [found]
                continue
            # keep TensorFlow's messages about the machine off the terminal
            with native_messages_to(work / "tensorflow.txt"):
                predict, _ = prediction(config, method, arrays, run.log.text("precision") or "float32")
                again = _scored(config, run, masks_by(predict), scenes)
            yield _compared(run, again, path)


def recount(
    bundle: Bundle, masks: Path, seed: int | None = None, data: Path | None = None
) -> Iterator[tuple[str, list[Finding]]]:
    """Recount the pixels of the masks below ``masks``; otherwise like `rescore`. Raises CloudMaskError."""
    chosen = runs_of(bundle, seed, "--recount")
    with work_folder() as work:
        config = with_data(chosen[0][1].config, data, work)
        scenes = inference_scenes(config, Display())
        for number, run in chosen:
            again = _scored(config, run, _pictures(masks / str(number)), scenes)
            yield _compared(run, again, _log_path(bundle, number))


def _scored(config: Config, run: CheckedRun, mask_scene: MaskScene, scenes: Sequence[Path]) -> list[Rescored]:
    again: list[Rescored] = []
    with Display().bar(f"seed {run.seed}", len(scenes)) as update:
        for scored in score_again(config, mask_scene, scenes):
            again.append(scored)
            update(len(again), f"accuracy {scored.score.bayes.accuracy:.4f}")
    return again


def _pictures(folder: Path) -> MaskScene:
    return lambda inputs: read_picture(folder / f"{inputs.name}.png", inputs.inside.shape)


def _log_path(bundle: Bundle, number: int) -> str:
    return bundle.tree.shown(bundle.layout.results(number)[0].relative_to(bundle.layout.root))


def _compared(run: CheckedRun, again: list[Rescored], path: str) -> tuple[str, list[Finding]]:
    said, findings = compare(run, again, differing_parts(run.system, system_facts()), path)
    return f"the run of seed {run.seed}, {said}", findings


def compare(
    run: CheckedRun, again: list[Rescored], differing: list[str], path: str
) -> tuple[str, list[Finding]]:
    """Compare a run's scenes with the recomputed ones; return the result in words, and the findings.

    ``differing`` lists the parts of this node that differ from the run's node.
    """
    logged = {str(event.metadata["scene"]): event for event in run.log.sound("scene_accuracy")}
    names = [scored.score.scene for scored in again]
    if sorted(logged) != sorted(names):
        odd = sorted(logged.keys() ^ set(names))[0]
        found = _finding(path, None, f"{len(logged)} scenes, not the same ({odd})", f"{len(names)} scenes")
        return "compared by its scenes alone", [found]
    pairs = [(logged[scored.score.scene], scored) for scored in again]
    if all(_same(event, scored) for event, scored in pairs):
        scores = summarise([scored.score for scored in again])
        if run.result["scores"] == scores:
            return f"bit for bit: accuracy {scores['bayes']['all']['accuracy']:.6f} from the same masks", []
        said = "compared bit for bit: the scenes are as logged, their summary is not"
        return said, [_finding(path, None, f"scores {run.result['scores']}", f"scores {scores}")]
    if not differing:
        said = "compared bit for bit: the node is like the submitted run's"
        return said, [_differs(path, *pair) for pair in pairs if not _same(*pair)]
    tolerance = TOLERANCE[run.log.text("precision") or "float32"]
    apart = [(_apart(event, scored), event, scored) for event, scored in pairs]
    largest = max(each[0] for each in apart)
    said = f"within {tolerance}: another node than the submitted run's ({', '.join(differing)}); "
    said += f"scenes differ by {largest:.1e} at most"
    return said, [_differs(path, event, scored, tolerance) for by, event, scored in apart if by > tolerance]


def _same(event: LogEvent, scored: Rescored) -> bool:
    """Whether a scene's counts, and the digest of its mask if logged, are as logged."""
    counts = scored.score.bayes
    return (
        count_of(event, "correct") == counts.correct
        and count_of(event, "pixels") == counts.pixels
        and event.metadata.get("mask_sha256") in (None, scored.mask_sha256)
    )


def _apart(event: LogEvent, scored: Rescored) -> float:
    """Return the difference in a scene's share of right pixels; 1 if the scenes differ in size."""
    counts = scored.score.bayes
    if count_of(event, "pixels") != counts.pixels:
        return 1.0
    return abs(count_of(event, "correct") - counts.correct) / counts.pixels


def _differs(path: str, event: LogEvent, scored: Rescored, tolerance: float | None = None) -> Finding:
    counts = scored.score.bayes
    scene = scored.score.scene
    within = "" if tolerance is None else f" within {tolerance}"
    found = f"{scene}: {count_of(event, 'correct')} of {count_of(event, 'pixels')} pixels right"
    again = f"{counts.correct} of {counts.pixels}{within}, mask {scored.mask_sha256[:12]}, from the weights"
    if tolerance is None and count_of(event, "correct") == counts.correct:
        found += f", mask {str(event.metadata.get('mask_sha256'))[:12]}"
    return _finding(path, event.line, found, again)


def _trusted(run: CheckedRun) -> CheckedRun:
    """Return the run if its method is the program's. Raises RepeatError if it is a file of the bundle."""
    if not run.config.method.name.endswith(".py"):
        return run
    raise RepeatError(
        "--rescore",
        found=f"a method that is a file of the bundle ({run.config.method.name})",
        expected="a method of the program: nothing from a bundle is executed",
        remedy=f"read the file; to execute it, repeat a run with --rerun-bundled {run.seed}",
    )


def _weights(bundle: Bundle, number: int) -> Mapping[str, NDArray]:
    """Read the weights of a run as arrays. Raises RepeatError if they are not in the bundle."""
    path = RunFolder(bundle.layout.run(number)).weights
    name = path.relative_to(bundle.layout.root).as_posix()
    if not bundle.tree.is_regular(name):
        raise RepeatError(
            bundle.tree.shown(name),
            found="not there",
            expected="the weights of the run",
            remedy="ask the submitter for a bundle with weights, or repeat the run: --rerun SEED",
        )
    try:
        return read_arrays(bundle.tree.root / name)
    except WeightsError as error:
        where = bundle.tree.shown(name)
        raise RepeatError(
            where, found=error.found, expected=error.expected, remedy="ask the submitter for the bundle again"
        ) from None


def _other_weights(run: CheckedRun, arrays: Mapping[str, NDArray], path: str) -> Finding | None:
    """Return a finding if the weights do not have the digest that the log states."""
    try:
        found = digest_of(arrays, run.log.text("method_kind") or "network")
    except WeightsError as error:
        found = error.found
    stated = run.result["weights_sha256"]
    return (
        None
        if found == stated
        else _finding(path, None, f"weights of sha256 {found}", f"{stated}, as logged")
    )


def _finding(path: str, line: int | None, found: str, expected: str) -> Finding:
    return Finding(
        rule="verify-rescore",
        severity="error",
        path=path,
        line=line,
        clause="G-replication",
        message="The weights must give the scores that the log states.",
        expected=expected,
        found=found,
        remedy="repeat it on the submitter's kind of node; if it differs there too, ask the submitter",
        profile=OWN,
    )
