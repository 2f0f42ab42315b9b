"""The vocabulary of a CloudMask log: which events there are and what each looks like.

Standard library only, so that the checker and the packager can import it in
milliseconds. What an event *looks like* stands here; how often it must occur, in
which order and with which values is judged in ``compliance/``. Names that exist in
``mlperf_logging.mllog.constants`` are pinned to it by a test.

Clauses: S = science/submit.adoc, P = science/policy.adoc, T = training_rules.adoc,
H = hpc_training_rules.adoc.
"""

from __future__ import annotations

from dataclasses import dataclass, field

TOKEN = ":::MLLOG"

#: Words that a configuration accepts, a run logs and the checker knows.
STATUSES = ("onprem", "cloud", "research", "preview")
DATA_KINDS = ("slstr", "synthetic")
SCHEDULES = ("constant", "cosine")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
METHOD_KINDS = ("network", "fitted", "masks")
BASELINES = ("majority", "threshold", "logistic")
OUTCOMES = ("success", "aborted")
#: The organisation of the shipped configurations, which no submission can have.
DEFAULT_ORG = "cloudmask-benchmark"
#: What MLPerf Training calls the precisions that a method computes in (T 6.1).
NUMERICS = {"float32": "fp32", "mixed_bfloat16": "bfloat16", "mixed_float16": "fp16"}

#: The editions of the rules that a log of this version is written for (compliance/clauses quotes them).
RULES_EDITION = "science policy 0.5, submit.adoc a11f727, training rules 6.1.0, mlperf-logging 4.1.68"

#: The inference set of the observed scenes: how many, what their names look like, and the sha256 of their
#: names, sorted, one on each line; None until somebody who has fetched them enters it (docs/dataset.md).
OBSERVED_TEST_SCENES = 100
OBSERVED_NAME = (
    r"S3A_SL_1_RBT_{4}\d{8}T\d{6}_\d{8}T\d{6}_\d{8}T\d{6}_\d{4}_\d{3}_\d{3}_\d{4}_\w{3}_\w_\w{2}_\d{3}"
)
OBSERVED_TEST_NAMES: str | None = None

#: Disclosures of T 6.1: the lowest precision of each of these, and how many replicas share each of those.
PRECISION_IN = {
    "lowest_numerical_precision_in_linear": "convolutions",
    "lowest_numerical_precision_in_attn": "attention; no method has any: that of its convolutions",
    "lowest_numerical_precision_in_comm": "gradients between replicas",
}
PARALLELISM = {
    "tensor_parallelism": "a tensor",
    "pipeline_parallelism": "the network",
    "context_parallelism": "a patch",
    "expert_parallelism": "a set of experts",
}

POINT = "POINT_IN_TIME"
START = "INTERVAL_START"
STOP = "INTERVAL_END"


@dataclass(frozen=True)
class Event:
    """One kind of event: its key, event kind, type of value, and the metadata it must carry."""

    key: str
    kind: str
    value: str
    meaning: str
    metadata: dict[str, str] = field(default_factory=dict)
    #: Metadata that older logs do not carry.
    optional: dict[str, str] = field(default_factory=dict)


def _one_of(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


_EPOCH = {"epoch_num": "integer"}
_PIXELS = {"correct": "integer", "pixels": "integer"}

#: Every event of a run, in the order in which a complete run logs them (docs/events.md).
EVENTS: tuple[Event, ...] = (
    Event("rules_edition", POINT, "string", "the editions of the rules that the log is written for"),
    # Identity of the submission (S6.1, P)
    Event("submission_benchmark", POINT, "string", "the benchmark: cloudmask"),
    Event("submission_org", POINT, "string", "the submitting organisation"),
    Event("submission_division", POINT, "string", "the division: open"),
    Event("submissiom_version", POINT, "string", "version of the benchmark, spelt as S6.1 spells it"),
    Event("submission_version", POINT, "string", "version of the benchmark, the same value"),
    Event(
        "submission_github_commit_version",
        POINT,
        "string",
        "commit of the code that ran (40 hex digits); dirty: whether it was changed since, null: not known",
        {"dirty": "boolean or null"},
    ),
    Event("submission_status", POINT, "string", "onprem, cloud, research or preview"),
    Event("submission_platform", POINT, "string", "name of the system that ran"),
    Event("submission_poc_name", POINT, "string", "the submitter's contact: name"),
    Event("submission_poc_email", POINT, "string", "the submitter's contact: e-mail address"),
    # Before the clock (H, P)
    Event(
        "cache_clear",
        POINT,
        "boolean",
        "whether the input files were dropped from the page cache; method: how",
        {"method": "string"},
    ),
    Event(
        "data_location",
        POINT,
        "string",
        "kind of the file system that holds the training scenes; inference: that of the inference scenes; "
        "staging: that of the patches",
        {"inference": "string", "staging": "string"},
    ),
    Event("init_start", START, "null", "start of what needs no data: devices, model, optimizer"),
    Event("seed", POINT, "integer", "seed of this run"),
    Event(
        "method",
        POINT,
        "string",
        "what predicts, with what a document says about it; absent in older logs: the reference U-Net",
        dict.fromkeys(("title", "citations", "adapted", "licence"), "string"),
    ),
    Event("method_kind", POINT, "string", "network (trained by steps), fitted (once) or masks (another's)"),
    Event("method_source", POINT, "string", "module, file or folder that the method was read from"),
    Event("method_sha256", POINT, "string", "sha256 of the method's source file, or of all masks"),
    Event("method_options", POINT, "object", "the method's own settings"),
    Event("data_kind", POINT, "string", "slstr (observed) or synthetic"),
    Event("config_digest", POINT, "string", "sha256 of the resolved configuration without seed and paths"),
    Event(
        "experiment",
        POINT,
        "string",
        "the experiment that the run is part of; seeds: all of this configuration; sha256: of its file",
        {"seeds": "string", "sha256": "string"},
    ),
    Event("number_of_nodes", POINT, "integer", "nodes of the run"),
    Event(
        "accelerators_per_node",
        POINT,
        "integer",
        "accelerators used on each node; 0 on a CPU; names: how many of which, by the chief's node",
        optional={"names": "string"},
    ),
    Event("number_of_ranks", POINT, "integer", "replicas that share a global batch"),
    Event("global_batch_size", POINT, "integer", "patches of one step over all replicas"),
    Event("local_batch_size", POINT, "integer", "patches of one step on one replica"),
    Event("batch_size", POINT, "integer", "the global batch, as the policy names it (P: > 0)"),
    Event("micro_batch_size", POINT, "integer", "patches that one replica computes at once (T 6.1)"),
    Event("gradient_accumulation_steps", POINT, "integer", "steps between two updates of the weights"),
    Event("epochs", POINT, "integer", "epochs at most (P: > 0)"),
    Event(
        "early_stopping_patience", POINT, "integer", "epochs without a better eval_loss before the run stops"
    ),
    Event("opt_name", POINT, "string", "optimizer"),
    Event("opt_base_learning_rate", POINT, "number", "peak learning rate (P: > 0)"),
    Event("learning_rate", POINT, "number", "the same, as the policy names it (P: > 0)"),
    Event("opt_adam_beta_1", POINT, "number", "Adam's first decay rate"),
    Event("opt_adam_beta_2", POINT, "number", "Adam's second decay rate"),
    Event("opt_adam_epsilon", POINT, "number", "Adam's epsilon"),
    Event("opt_amsgrad", POINT, "boolean", "whether Adam keeps the largest second moment"),
    Event("opt_adamw_beta_1", POINT, "number", "AdamW's first decay rate"),
    Event("opt_adamw_beta_2", POINT, "number", "AdamW's second decay rate"),
    Event("opt_adamw_epsilon", POINT, "number", "AdamW's epsilon"),
    Event("opt_adamw_weight_decay", POINT, "number", "AdamW's decay of the weights"),
    Event("opt_sgd_momentum", POINT, "number", "momentum of stochastic gradient descent"),
    Event("opt_sgd_nesterov", POINT, "boolean", "whether that momentum is Nesterov's"),
    Event("opt_weight_decay", POINT, "number", "decay of the weights by another optimizer than AdamW"),
    Event("opt_learning_rate_warmup_steps", POINT, "integer", "steps of linear warm-up"),
    Event("opt_learning_rate_decay_schedule", POINT, "string", _one_of(SCHEDULES)),
    Event("precision", POINT, "string", _one_of(PRECISIONS)),
    *(
        Event(key, POINT, "string", f"lowest precision of {what} (T 6.1)")
        for key, what in PRECISION_IN.items()
    ),
    *(
        Event(key, POINT, "integer", f"replicas among which {what} is divided: 1 (T 6.1)")
        for key, what in PARALLELISM.items()
    ),
    Event("config_filename", POINT, "string", "the resolved configuration, in the run's folder (T 6.1)"),
    Event("augmentation", POINT, "boolean", "whether training patches are flipped and turned at random"),
    Event("patch_size", POINT, "integer", "rows and columns of a patch (P: 256)"),
    Event(
        "training_margin", POINT, "integer", "pixels at a patch's edge that training leaves out; absent: 0"
    ),
    Event("crop_size", POINT, "integer", "overlap of inference patches in pixels"),
    Event("min_sst", POINT, "number", "lowest sea surface temperature in kelvin (P: 273.15)"),
    Event("train_split", POINT, "number", "share of the training scenes that is trained on"),
    Event("split_seed", POINT, "integer", "seed of the split into training and validation scenes"),
    Event("quality_target", POINT, "number", "accuracy to reach (P: 0.9)"),
    Event("init_stop", STOP, "null", "end of initialisation"),
    # The run (T, P)
    Event("run_start", START, "null", "the clock starts: no input has been read"),
    Event("staging_start", START, "null", "scenes -> patches on the node's disk"),
    Event(
        "skipped_scene",
        POINT,
        "string",
        "a scene left out under --on-bad-scene=skip; split and reason",
        {"split": "string", "reason": "string"},
    ),
    Event(
        "staging_stop",
        STOP,
        "null",
        "scenes and patches of the stores, non-finite input values replaced by 0; "
        "reused: scenes that an earlier run had staged",
        {"scenes": "integer", "patches": "integer", "filled": "integer", "reused": "integer"},
    ),
    Event(
        "run_resumed",
        POINT,
        "integer",
        "how often the run has been resumed; logged where the run continues after an interruption, with "
        "the complete epochs done before, the steps of the next one, and the time since the checkpoint",
        {"epochs": "integer", "step": "integer", "lost_ms": "integer"},
    ),
    Event("train_samples", POINT, "integer", "patches trained on in an epoch"),
    Event("eval_samples", POINT, "integer", "patches of the validation scenes"),
    Event("test_samples", POINT, "integer", "scenes of the inference set"),
    Event("epoch_start", START, "null", "start of an epoch's training", _EPOCH),
    Event("train_loss", POINT, "number", "mean binary cross-entropy of the epoch's training steps", _EPOCH),
    Event(
        "train_accuracy",
        POINT,
        "number",
        "correct / pixels over the epoch's training steps",
        _EPOCH | _PIXELS,
    ),
    Event("epoch_stop", STOP, "null", "end of an epoch's training", _EPOCH),
    Event("eval_start", START, "null", "start of the evaluation after an epoch", _EPOCH),
    Event("eval_loss", POINT, "number", "mean binary cross-entropy of the validation patches", _EPOCH),
    Event("eval_accuracy", POINT, "number", "correct / pixels of the validation patches", _EPOCH | _PIXELS),
    Event(
        "epoch_energy",
        POINT,
        "number",
        "joules of an epoch's training and evaluation; sources: whose they are",
        _EPOCH | {"sources": "string"},
    ),
    Event("eval_stop", STOP, "null", "end of the evaluation after an epoch", _EPOCH),
    Event("early_stop", POINT, "integer", "last epoch, where patience ran out", {"best_epoch": "integer"}),
    Event("inference_start", START, "null", "start of the scoring with the best weights"),
    Event(
        "scene_accuracy",
        POINT,
        "number",
        "correct / pixels of one inference scene; period: day or night; mask_sha256: digest of its mask "
        "at one bit a pixel",
        {"scene": "string", "period": "string"} | _PIXELS,
        {"mask_sha256": "string"},
    ),
    Event(
        "test_accuracy",
        POINT,
        "number",
        "the score: correct / pixels over all inference scenes",
        {"scenes": "integer"} | _PIXELS,
    ),
    Event("inference_stop", STOP, "null", "end of the scoring"),
    Event(
        "whole_scene_agreement",
        POINT,
        "number",
        "with inference.whole_scenes: correct / pixels of scenes predicted in one piece against their scored "
        "masks; accuracy: theirs against the label; seconds: of reading and predicting them",
        _PIXELS | {"accuracy": "number", "seconds": "number"},
    ),
    Event("baselines_start", START, "null", "start of scoring what any model must beat"),
    Event(
        "baseline_accuracy",
        POINT,
        "number",
        "score of a baseline (majority, threshold, logistic) on the same scenes",
        {"baseline": "string"} | _PIXELS,
    ),
    Event("baselines_stop", STOP, "null", "end of the baselines"),
    Event("result", POINT, "object", "the run's result; its fields are described in docs/events.md (S6.3)"),
    Event(
        "run_stop",
        STOP,
        "null",
        "the clock stops; status: success or aborted; clock_set_ms: by how much the node's was set",
        {"status": "string"},
        {"clock_set_ms": "integer"},
    ),
)

BY_KEY: dict[str, Event] = {event.key: event for event in EVENTS}

#: start key -> stop key of every interval.
INTERVALS: dict[str, str] = {
    event.key: event.key.removesuffix("_start") + "_stop" for event in EVENTS if event.kind == START
}

#: Hyperparameters and facts of the run that every log states exactly once, within init.
PARAMETERS: tuple[str, ...] = tuple(
    event.key for event in EVENTS[EVENTS.index(BY_KEY["init_start"]) + 1 : EVENTS.index(BY_KEY["init_stop"])]
)

#: What a log states of its method; older logs have none of it.
METHOD = ("method", "method_kind", "method_source", "method_sha256", "method_options")

#: What a log states that names its edition of the rules; older logs have none of it.
OF_EDITION = (
    *("data_location", "batch_size", "micro_batch_size", "learning_rate", "config_filename"),
    *PRECISION_IN,
    *PARALLELISM,
)

#: Settings that a log states by the name of its optimizer (opt_name) ...
OPTIMIZERS: dict[str, tuple[str, ...]] = {
    "adam": ("opt_adam_beta_1", "opt_adam_beta_2", "opt_adam_epsilon"),
    "adamw": ("opt_adamw_beta_1", "opt_adamw_beta_2", "opt_adamw_epsilon", "opt_adamw_weight_decay"),
    "sgd": ("opt_sgd_momentum",),
}
#: ... where they are other than the optimizer's default ...
OPTIMIZER_EXTRAS = ("opt_amsgrad", "opt_sgd_nesterov", "opt_weight_decay")
#: ... and with any optimizer. A method that is not trained by steps states none of these.
OPTIMIZATION = (
    *("opt_name", "opt_base_learning_rate", "learning_rate"),
    *("opt_learning_rate_warmup_steps", "opt_learning_rate_decay_schedule"),
)

#: The words that a parameter may have as its value, by its key.
WORDS: dict[str, tuple[str, ...]] = {
    "method_kind": METHOD_KINDS,
    "data_kind": DATA_KINDS,
    "opt_learning_rate_decay_schedule": SCHEDULES,
    "precision": PRECISIONS,
    **dict.fromkeys(PRECISION_IN, tuple(NUMERICS.values())),
}
