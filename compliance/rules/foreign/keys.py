"""What MLPerf HPC and MLPerf Training require of the keys of a log, as data.

The facts come from the rule files of mlcommons/logging: all of hpc_3.0.0, and the part of
training_6.1.0 that is common to all benchmarks. Benchmark names change with every round; those
of all rounds are listed. ``compliance.rules.foreign.published`` applies the facts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from compliance.wording import listing, show


class Values(NamedTuple):
    """Allowed values: in words, and as a test of a value."""

    words: str
    hold: Callable[[object], bool]


class Demand(NamedTuple):
    """What the rules require of the events of a key.

    ``often``: once (or again with the same value), at least once, or any number of times.
    ``instead`` is a key that may replace it. Every event must have all metadata of at least
    one of the sets in ``metadata``. At least one event must have a value in ``reached``.
    """

    often: Literal["once", "some", "any"] = "once"
    values: Values | None = None
    metadata: tuple[Mapping[str, Values | None], ...] = ()
    reached: Values | None = None
    instead: str = ""


Demands = Mapping[str, Demand]


def _range(words: str, holds: Callable[[float], bool]) -> Values:
    """Allow the numbers for which a comparison holds, which is never true of NaN."""

    def hold(value: object) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and holds(value)

    return Values(words, hold)


def at_least(least: float) -> Values:
    """Allow numbers from ``least`` on."""
    return _range(f"at least {least}", lambda value: value >= least)


def at_most(most: float) -> Values:
    """Allow numbers up to ``most``."""
    return _range(f"at most {most}", lambda value: value <= most)


def above(low: float, most: float = float("inf")) -> Values:
    """Allow numbers greater than ``low`` and, if given, up to ``most``."""
    upto = "" if most == float("inf") else f", at most {most}"
    return _range(f"above {low}{upto}", lambda value: low < value <= most)


def between(least: float, most: float) -> Values:
    """Allow numbers from ``least`` to ``most``, both included."""
    return _range(f"from {least} to {most}", lambda value: least <= value <= most)


def one_of(*values: object) -> Values:
    """Allow these values; a boolean does not count as a number."""

    def hold(value: object) -> bool:
        return any(isinstance(value, bool) == isinstance(each, bool) and value == each for each in values)

    return Values(listing(map(show, values), last="or", most=len(values)), hold)


COUNT = above(0)
FACTOR = at_least(0)
FILLED = Values("anything but an empty text", lambda value: value != "")
#: Upstream accepts every value that is true in Python.
TRUE = Values("true", bool)
PAIR = Values("a list of two", lambda value: isinstance(value, list) and len(value) == 2)
LIST = Values("a list", lambda value: isinstance(value, list))
FRACTION = _range("at least 0, below 1", lambda value: 0 <= value < 1)
WHOLE = _range("a whole number from 1 on", lambda value: 1 <= value == value // 1)

DIVISIONS = ("closed", "open")
STATUS = ("cloud", "onprem", "preview", "research")
#: Benchmarks of MLPerf HPC 0.7 to 3.0, and of MLPerf Training 0.6 to 6.1, those of 6.1 first.
HPC_BENCHMARKS = ("deepcam", "cosmoflow", "oc20", "openfold")
TRAINING_BENCHMARKS = (
    *("flux1", "llama31_8b", "llama2_70b_lora", "gpt_oss_20b"),
    *("deepseekv3_671b", "qwen35_397b_grpo", "dlrmv4"),
    *("resnet", "ssd", "maskrcnn", "transformer", "gnmt", "minigo", "dlrm", "bert", "rnnt", "unet3d"),
    *("gpt3", "dlrm_dcnv2", "stable_diffusion", "gnn", "retinanet", "rgat", "llama31_405b"),
)

Metadata = tuple[Mapping[str, Values | None], ...]


def _loop(epoch: Metadata, block: Metadata, block_stop: Metadata) -> Demands:
    """Return the demands on the events of training and evaluation, logged by epoch or by block of epochs."""
    return {
        "block_start": Demand("some", metadata=block, instead="epoch_start"),
        "block_stop": Demand("some", metadata=block_stop, instead="epoch_stop"),
        "epoch_start": Demand("some", metadata=epoch, instead="block_start"),
        "epoch_stop": Demand("some", metadata=epoch, instead="block_stop"),
        "eval_start": Demand("some", metadata=epoch, instead="block_start"),
        "eval_stop": Demand("some", metadata=epoch, instead="block_stop"),
    }


_COMMON: Demands = {
    "submission_org": Demand(values=FILLED),
    "submission_platform": Demand(values=FILLED),
    # other rules check which division and benchmark
    "submission_division": Demand(),
    "submission_benchmark": Demand(),
    "cache_clear": Demand("some"),
    "init_start": Demand("some"),
    "init_stop": Demand(),
    "run_start": Demand(),
    "run_stop": Demand(metadata=({"status": None},)),
    "train_samples": Demand(values=FILLED),
    "eval_samples": Demand(values=FILLED),
}

_EPOCH: Metadata = ({"epoch_num": None},)
_BLOCK: Metadata = ({"epoch_count": COUNT, "first_epoch_num": None},)


def _quality(reached: Values) -> Demand:
    return Demand("some", metadata=_EPOCH, reached=reached)


#: The quality that a run must reach (H), the same in both divisions.
_TARGETS: Mapping[str, Demands] = {
    "deepcam": {"eval_accuracy": _quality(between(0.82, 1))},
    "cosmoflow": {"eval_error": _quality(above(0, 0.124))},
    "oc20": {"eval_error": _quality(above(0, 0.036))},
    "openfold": {"eval_accuracy": _quality(between(0.8, 1))},
}

_CLOSED: Mapping[str, Demands] = {
    "deepcam": {
        "gradient_accumulation_frequency": Demand(values=COUNT),
        "seed": Demand(values=COUNT),
        "global_batch_size": Demand(values=COUNT),
        "batchnorm_group_size": Demand(values=COUNT),
        "opt_name": Demand(values=one_of("Adam", "AdamW", "LAMB")),
        "opt_lr": Demand(values=COUNT),
        "opt_betas": Demand(values=PAIR),
        "opt_eps": Demand(values=_range("1e-06", lambda value: 0.999999999e-6 <= value <= 1.000000001e-6)),
        "scheduler_type": Demand(values=one_of("multistep", "cosine_annealing")),
        "scheduler_lr_warmup_steps": Demand(values=FACTOR),
        "scheduler_lr_warmup_factor": Demand(values=at_least(1)),
        "train_samples": Demand(values=one_of(121266)),
        "eval_samples": Demand(values=one_of(15158)),
    },
    "cosmoflow": {
        "global_batch_size": Demand(values=COUNT),
        "opt_name": Demand(values=one_of("sgd", "SGD")),
        "opt_base_learning_rate": Demand(values=FACTOR),
        "opt_learning_rate_warmup_epochs": Demand(values=FACTOR),
        "opt_learning_rate_warmup_factor": Demand(values=FACTOR),
        "opt_learning_rate_decay_boundary_epochs": Demand(),
        "opt_learning_rate_decay_factor": Demand(),
        "dropout": Demand("any", FRACTION),
        "opt_weight_decay": Demand("any", FACTOR),
    },
    "oc20": {
        "global_batch_size": Demand(values=COUNT),
        "opt_name": Demand(values=one_of("AdamW")),
        "opt_base_learning_rate": Demand(values=FACTOR),
        "opt_learning_rate_warmup_steps": Demand(values=FACTOR),
        "opt_learning_rate_warmup_factor": Demand(values=FACTOR),
        "opt_learning_rate_decay_boundary_steps": Demand(),
        "opt_learning_rate_decay_factor": Demand(),
    },
    "openfold": {
        "global_batch_size": Demand(values=COUNT),
        "opt_base_learning_rate": Demand(values=FACTOR),
        "opt_learning_rate_warmup_init": Demand(values=FACTOR),
        "opt_learning_rate_warmup_steps": Demand(values=FACTOR),
        "initial_training_dataloader_type": Demand(
            values=one_of("InitialTrainingDataloaderPT", "InitialTrainingDataloaderPQ")
        ),
    }
    | {
        key: Demand(values=one_of(value))
        for key, value in {
            "target_avg_lddt_ca_value": 0.8,
            "train_max_pdb_release_date": "2021-09-16",
            "val_min_cameo_submission_date": "2021-09-17",
            "val_max_cameo_submission_date": "2021-12-11",
            "val_max_sequence_length": 700,
            "val_every_iters": 40,
            "train_samples": 594595,
            "eval_samples": 180,
            "model_parameters_count": 93229082,
            "init_checkpoint_sha256sum": "b518be4677048f2c0f94889c91e2da73655a73b825a8aa7f8b6f5e580d8ffbed",
            "train_sequence_crop_size": 256,
            "num_recycling_iters": 3,
            "max_msa_clusters": 124,
            "max_extra_msa": 1024,
            "templates_enabled": True,
            "max_templates": 4,
            "fape_loss_weight": 1.0,
            "fape_loss_backbone_weight": 0.5,
            "fape_loss_sidechain_weight": 0.5,
            "supervised_chi_loss_weight": 1.0,
            "distogram_loss_weight": 0.3,
            "masked_msa_loss_weight": 2.0,
            "plddt_loss_weight": 0.01,
            "opt_name": "Adam",
            "opt_adam_beta_1": 0.9,
            "opt_adam_beta_2": 0.999,
            "opt_adam_epsilon": 1e-6,
            "opt_weight_decay": 0.0,
            "opt_amsgrad": False,
            "opt_gradient_clipping": True,
            "opt_gradient_clip_norm": 0.1,
            "swa_enabled": True,
            "swa_decay_rate": 0.9,
        }.items()
    },
}

#: Further demands on deepcam in the closed division, by its choice of optimizer and schedule.
_DEEPCAM_CHOICES: Mapping[tuple[str, str], Demands] = {
    ("opt_name", "LAMB"): {
        "opt_bias_correction": Demand(values=TRUE),
        "opt_grad_averaging": Demand(values=TRUE),
        "opt_max_grad_norm": Demand(values=one_of(1)),
    },
    ("scheduler_type", "multistep"): {
        "scheduler_milestones": Demand(values=LIST),
        "scheduler_decay_rate": Demand(values=at_most(1)),
    },
    ("scheduler_type", "cosine_annealing"): {
        "scheduler_t_max": Demand(values=at_least(1)),
        "scheduler_eta_min": Demand(values=FACTOR),
    },
}


@dataclass(frozen=True)
class Ruleset:
    """The demands on a log: on every log, by division, by benchmark and division
    (``benchmark/division``), and by the value of a key in one of these.

    ``init_minutes`` is the longest initialisation by division; ``disclosed`` are keys that
    only the newest round requires, so earlier logs lack them.
    """

    benchmarks: tuple[str, ...]
    init_minutes: Mapping[str, int]
    common: Demands
    divisions: Mapping[str, Demands]
    of_benchmark: Mapping[str, Demands] = field(default_factory=dict)
    of_choice: Mapping[str, Mapping[tuple[str, str], Demands]] = field(default_factory=dict)
    disclosed: tuple[str, ...] = ()


HPC = Ruleset(
    benchmarks=HPC_BENCHMARKS,
    init_minutes={"closed": 30, "open": 30},
    common={
        **_COMMON,
        **_loop(_EPOCH, _BLOCK, ({"first_epoch_num": None},)),
        "submission_status": Demand(values=one_of(*STATUS)),
    },
    divisions={
        "closed": {
            "gradient_accumulation_steps": Demand("any", COUNT),
            "gradient_accumulation_frequency": Demand("any", COUNT),
            "number_of_nodes": Demand(values=COUNT),
            "accelerators_per_node": Demand(values=FACTOR),
        }
    },
    of_benchmark={
        f"{benchmark}/{division}": {**target, **(_CLOSED[benchmark] if division == "closed" else {})}
        for benchmark, target in _TARGETS.items()
        for division in DIVISIONS
    },
    of_choice={"deepcam/closed": _DEEPCAM_CHOICES},
)

_TRAINING_EPOCH: Metadata = (*_EPOCH, {"samples_count": None})
_PRECISIONS = one_of(
    *("fp64", "fp32", "tf32", "fp16", "fp8", "mxfp6", "nvfp4", "mxfp4", "bfloat16"),
    *("Graphcore FLOAT 16.16", "int8", "uint8", "int4", "uint4"),
)
#: Precision, parallelism and configuration of a run, which Training requires from round 6.1 on.
_DISCLOSED: Demands = {
    "lowest_numerical_precision_in_linear": Demand("any", _PRECISIONS),
    "lowest_numerical_precision_in_attn": Demand("any", _PRECISIONS),
    "lowest_numerical_precision_in_comm": Demand("any", _PRECISIONS),
    "tensor_parallelism": Demand("any", WHOLE),
    "pipeline_parallelism": Demand("any", WHOLE),
    "context_parallelism": Demand("any", WHOLE),
    "expert_parallelism": Demand("any", WHOLE),
    "micro_batch_size": Demand("any", WHOLE),
    "config_filename": Demand("any", FILLED),
}

TRAINING = Ruleset(
    benchmarks=TRAINING_BENCHMARKS,
    init_minutes={"closed": 30, "open": 240},
    common={
        **_COMMON,
        **_loop(
            _TRAINING_EPOCH,
            (*_BLOCK, {"samples_count": FACTOR}),
            ({"first_epoch_num": None}, {"samples_count": None}),
        ),
        "eval_accuracy": Demand("some", metadata=_TRAINING_EPOCH),
        **_DISCLOSED,
    },
    divisions={"closed": {"gradient_accumulation_steps": Demand(values=COUNT)}},
    disclosed=tuple(_DISCLOSED),
)
