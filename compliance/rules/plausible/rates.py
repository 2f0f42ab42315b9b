"""Rules on rates: operations that the log's devices cannot have done in its time, and its schedule."""

from __future__ import annotations

from collections.abc import Iterator
from operator import sub
from statistics import median
from typing import NamedTuple

from compliance.registry import Problem, log_rule, problem
from compliance.rules.log.time import is_possible, milliseconds
from compliance.rules.plausible.losses import is_reference
from compliance.subjects.columns import LogEvent
from compliance.subjects.log import Log, count_of
from compliance.subjects.result_fields import holds, lookup, results
from compliance.subjects.timeline import series
from compliance.wording import count, show

#: Operations per second of a device by precision, twice those of the fastest published one to leave room for
#: the next. Accelerators: one GPU of a GB200, dense: 2.5e15 in bfloat16 and float16, 1.25e15 in TF32, which
#: float32 may mean there (NVIDIA, GB200 NVL72 datasheet; AMD states 2.5e15 for an MI355X).
ACCELERATOR = {"float32": 2.5e15, "mixed_bfloat16": 5e15, "mixed_float16": 5e15}
#: Nodes without any: two sockets of 128 cores with AMX, 1024 operations per cycle and core at 3.9 GHz, 1e15
#: (Intel, Xeon 6980P); in float32 two sockets of 192 cores, 64 operations at 3.7 GHz, 0.9e14 (AMD,
#: EPYC 9965).
NODE = {"float32": 2e14, "mixed_bfloat16": 2e15, "mixed_float16": 2e15}
#: The least share of the operations in a network's definition that must be carried out: Winograd's
#: F(2 x 2, 3 x 3) multiplies 16 times instead of 36. Our reference does 81 %.
SHARE = 16 / 36
#: A training step costs about three forward passes.
TRAINING_PASSES = 3

#: The reference U-Net: its number of weights, and its operations per pixel.
PARAMETERS, OPERATIONS_PER_PIXEL = 1_948_609, 327_808


def operations_of(log: Log) -> int | None:
    """Return the operations of one patch's forward pass: the result's, or those known of the reference."""
    patch = log.integer("patch_size") or 0
    for _, value in results(log):
        stated = value.get("operations")
        if isinstance(stated, int) and holds(stated, "count") and stated:
            return stated
    return OPERATIONS_PER_PIXEL * patch * patch if is_reference(log) and patch > 0 else None


class Work(NamedTuple):
    """The patches computed, the passes for each, and the time that they took, with a description."""

    patches: float
    passes: int
    milliseconds: float
    stop: LogEvent
    what: str


def _by_epochs(log: Log, devices: int) -> Iterator[Work]:
    """Yield the fastest training and the fastest evaluation, each with its patches."""
    patch, margin = log.integer("patch_size") or 0, log.integer("training_margin") or 0
    for interval, key, passes, side in (
        ("epoch", "train_accuracy", TRAINING_PASSES, patch - 2 * margin),
        ("eval", "eval_accuracy", 1, patch),
    ):
        starts, stops, scores = (series(log, name) for name in (f"{interval}_start", f"{interval}_stop", key))
        if side < 1 or not starts or not len(starts) == len(stops) == len(scores):
            continue
        lengths = list(map(sub, stops.times, starts.times))
        pixels = scores.facts("pixels")
        rates = [n / length if length > 0 else 0 for n, length in zip(pixels, lengths, strict=True)]
        fastest = rates.index(max(rates))
        if is_possible(lengths[fastest], pixels[fastest], devices):
            patches = pixels[fastest] / (side * side)
            yield Work(patches, passes, lengths[fastest], stops[fastest], f"epoch {fastest + 1}: {interval}")


def _by_scenes(log: Log, devices: int) -> Iterator[Work]:
    """Yield the inference by its interval, and by its seconds per scene."""
    stride = (log.integer("patch_size") or 0) - (log.integer("crop_size") or 0)
    start, stop, score = log.first("inference_start"), log.first("inference_stop"), log.one("test_accuracy")
    if score is None or stride < 1 or start is None or stop is None:
        return
    pixels, scenes = count_of(score, "pixels"), count_of(score, "scenes")
    patches = pixels / (stride * stride)  # a lower bound: the last ones of a row and a column overlap more
    length = (stop.time_ms or 0) - (start.time_ms or 0)
    if stop.place > start.place and is_possible(length, pixels, devices):
        yield Work(patches, 1, length, stop, "inference")
    for event, value in results(log):
        seconds = lookup(value, "timing", "seconds_per_scene")
        if isinstance(seconds, int | float) and holds(seconds, "number") and seconds > 0 and scenes > 0:
            yield Work(patches, 1, seconds * scenes * 1000, event, "`timing.seconds_per_scene`")


@log_rule(
    "rate-possible",
    clause="house",
    expected="a rate that twice the fastest published hardware could reach",
    remedy="log the devices that computed, and the times as they were",
)
def rate_possible(log: Log) -> Iterator[Problem]:
    """No run may compute faster than the devices that it states. The operations are those of a patch in the
    network's definition, three times that in training, of which 4/9 must be carried out. The limit is 5e15
    per second for an accelerator (2.5e15 in float32), and 2e15 for a node without one (2e14)."""
    operations, precision = operations_of(log), log.text("precision") or ""
    ranks, nodes = log.integer("number_of_ranks") or 0, log.integer("number_of_nodes") or 0
    accelerators = log.integer("accelerators_per_node")
    if not log.completed or operations is None or accelerators is None or precision not in NODE:
        return
    if min(ranks, nodes) < 1 or not log.is_chronological or milliseconds(log.events[0]) is None:
        return  # other rules report it
    devices = f"{count(ranks, 'accelerator')}" if accelerators else f"{count(nodes, 'node')} without any"
    limit = ranks * ACCELERATOR[precision] if accelerators else nodes * NODE[precision]
    known = nodes * max(accelerators, 1)
    for work in (*_by_epochs(log, known), *_by_scenes(log, known)):
        rate = work.patches * work.passes * operations * SHARE / (work.milliseconds / 1000)
        if rate > limit:
            took = f"{work.patches:.0f} patches in {work.milliseconds / 1000:.3f} s"
            found = f"{work.what}: {took}, {rate:.2g} operations a second"
            yield problem(found, work.stop.line, f"at most {limit:.2g} of {devices}, in {precision}")


#: Evaluations of at least this length show a patch's time; a step costs three passes, not a fifth of one.
MEASURED_MS, FASTER = 10_000, 5


@log_rule(
    "rates-agree",
    severity="warning",
    clause="house",
    expected="more time for a patch in training than in evaluation",
    remedy="log the times as they were; say in the contribution what slows evaluations down",
)
def rates_agree(log: Log) -> Iterator[Problem]:
    """A patch should take longer in training than in evaluation, since a step costs about three forward
    passes. If it takes less than a fifth, times were changed or the evaluations were held up. The rule
    skips evaluations of less than ten seconds."""
    if not log.is_chronological:
        return
    lengths, patches = {}, {}
    for interval, key in (("epoch", "train_samples"), ("eval", "eval_samples")):
        starts, stops = series(log, f"{interval}_start"), series(log, f"{interval}_stop")
        patches[interval] = log.integer(key) or 0
        if not starts or len(starts) != len(stops) or patches[interval] < 1:
            return
        lengths[interval] = median(map(sub, stops.times, starts.times))
    training, evaluation = (lengths[name] / patches[name] for name in ("epoch", "eval"))
    if lengths["eval"] >= MEASURED_MS and 0 < FASTER * training < evaluation:
        stop = series(log, "epoch_stop")[0]
        yield problem(f"{training:.3f} ms a patch in training, {evaluation:.3f} ms in evaluation", stop.line)


@log_rule(
    "reference-size",
    clause="house",
    expected=f"{PARAMETERS} weights, and {OPERATIONS_PER_PIXEL} operations for each pixel of a patch",
    remedy="name the method that ran, or log what the reference has",
)
def reference_size(log: Log) -> Iterator[Problem]:
    """A result that is the reference U-Net's must have its size: its weights, and its operations for one
    patch."""
    patch = log.integer("patch_size") or 0
    sizes = {"parameters": PARAMETERS, "operations": OPERATIONS_PER_PIXEL * patch * patch}
    for event, value in results(log) if is_reference(log) and patch > 0 else ():
        for name, true in sizes.items():
            stated = value.get(name)
            if stated is not None and holds(stated, "count") and stated != true:
                yield problem(f"`{name}` {show(stated)}", event.line, f"{true}")


@log_rule(
    "warmup-possible",
    clause="house",
    expected="a warm-up that ends before the last step",
    remedy="log the steps of the warm-up that the schedule used",
)
def warmup_possible(log: Log) -> Iterator[Problem]:
    """The warm-up must be shorter than the training: `epochs` times the full batches of train_samples. A
    longer one never reaches the learning rate that the log states. The planned steps include skipped
    scenes."""
    warmup, event = log.integer("opt_learning_rate_warmup_steps"), log.one("opt_learning_rate_warmup_steps")
    samples, batch = log.integer("train_samples"), log.integer("global_batch_size")
    epochs, staged = log.integer("epochs"), log.one("staging_stop")
    if (
        event is None
        or warmup is None
        or samples is None
        or batch is None
        or epochs is None
        or staged is None
    ):
        return
    if min(warmup, samples, batch, epochs) < 1:
        return
    skipped = sum(split == "training" for split in log.sound("skipped_scene").facts("split"))
    each = -(-count_of(staged, "patches") // max(count_of(staged, "scenes"), 1))
    steps = (samples + skipped * each) // batch * epochs
    if warmup > steps:
        yield problem(f"{warmup} steps", event.line, f"at most {steps}: {epochs} epochs of {steps // epochs}")
