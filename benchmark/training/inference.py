"""The last part of a run: the inference scenes, by the best weights and by what any model must beat."""

from __future__ import annotations

from benchmark.compute.engine import Engine
from benchmark.scenes import baselines
from benchmark.scenes.scores import Confusion, confusion
from benchmark.stores.opening import Staged
from benchmark.training import evaluate
from benchmark.training.context import Run


def infer(run: Run, machine: Engine, staged: Staged, commit: str | None) -> list[evaluate.SceneScore]:
    """Predict, write and score every inference scene."""
    attributes = {
        "model": "U-Net of the CloudMask reference, weights of the best epoch",
        "seed": run.config.seed,
        "commit": commit or "unknown",
        "synthetic": run.config.data.kind == "synthetic",
    }
    scores: list[evaluate.SceneScore] = []
    with run.log.interval("inference"):
        with run.display.bar("inference", len(staged.inference)) as update:
            for score in evaluate.score_scenes(
                staged.inference,
                run.read,
                machine.predict,
                run.config.geometry,
                machine.global_batch,
                run.folder.mask if run.cluster.is_chief else None,
                attributes,
            ):
                scores.append(score)
                counts = score.bayes
                run.log.event(
                    "scene_accuracy",
                    counts.accuracy,
                    scene=score.scene,
                    period=score.period,
                    correct=counts.correct,
                    pixels=counts.pixels,
                )
                update(len(scores), f"accuracy {counts.accuracy:.4f}")
        whole = evaluate.total(score.bayes for score in scores)
        run.log.event(
            "test_accuracy", whole.accuracy, scenes=len(scores), correct=whole.correct, pixels=whole.pixels
        )
    return scores


def infer_whole(run: Run, machine: Engine, staged: Staged) -> None:
    """How far scenes in one piece agree with the scored tiling, which alone counts."""
    compared = []
    with run.display.bar("whole scenes", len(staged.inference)) as update:
        for scene in evaluate.compare_whole_scenes(
            staged.inference, run.read, machine.predict_whole, run.folder.mask
        ):
            compared.append(scene)
            update(len(compared), f"agreement {scene.agreement.accuracy:.4f}")
    agreement = evaluate.total(scene.agreement for scene in compared)
    accuracy = evaluate.total(scene.accuracy for scene in compared)
    run.log.event(
        "whole_scene_agreement",
        agreement.accuracy,
        correct=agreement.correct,
        pixels=agreement.pixels,
        accuracy=accuracy.accuracy,
        seconds=round(sum(scene.seconds for scene in compared), 3),
    )
    run.display.say(
        f"whole scenes: {agreement.accuracy:.4f} of the pixels as in the scored masks, "
        f"accuracy {accuracy.accuracy:.4f}"
    )


def score_baselines(run: Run, staged: Staged) -> dict[str, float]:
    """Accuracy of each baseline on the inference scenes."""
    with run.log.interval("baselines"):
        classifiers = baselines.fit_baselines(staged.training)
        counts = dict.fromkeys(classifiers, Confusion())
        with run.display.bar("baselines", len(staged.inference)) as update:
            for done, path in enumerate(staged.inference, start=1):
                scene = run.read(path)
                for name, classify in classifiers.items():
                    counts[name] += confusion(classify(scene.inputs), scene.label)
                update(done, "")
        for name, total in counts.items():
            run.log.event(
                "baseline_accuracy", total.accuracy, baseline=name, correct=total.correct, pixels=total.pixels
            )
    return {name: total.correct / total.pixels for name, total in counts.items()}
