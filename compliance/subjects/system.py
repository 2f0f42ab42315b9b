"""The fields of a system description, and where it contradicts what a run measured.

The description (G: ``<org>/systems/<system>.json``) is a claim; a run's ``system.json`` was
measured on the node that ran it. The packager calls `contradictions` before it uses a
description; the checker calls it again for the finished tree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

#: Every field of a system description (G, K), in the order of the rules' table.
FIELDS: tuple[str, ...] = (
    "submitter",
    "division",
    "system_type",
    "status",
    "system_name",
    "number_of_nodes",
    "host_processors_per_node",
    "host_processor_model_name",
    "host_processor_core_count",
    "host_processor_vcpu_count",
    "host_processor_frequency",
    "host_processor_caches",
    "host_processor_interconnect",
    "host_memory_capacity",
    "host_storage_type",
    "host_storage_capacity",
    "host_networking",
    "host_network_card_count",
    "host_networking_topology",
    "host_memory_configuration",
    "accelerators_per_node",
    "accelerator_model_name",
    "accelerator_host_interconnect",
    "accelerator_frequency",
    "accelerator_on-chip_memories",
    "accelerator_memory_configuration",
    "accelerator_memory_capacity",
    "accelerator_interconnect",
    "accelerator_interconnect_topology",
    "cooling",
    "hw_notes",
    "framework",
    "other_software_stack",
    "operating_system",
    "sw_notes",
)

#: Fields of G's table that K does not require.
GENERAL_FIELDS: tuple[str, ...] = ("system_type", "host_network_card_count")

#: Fields that may be empty; for the others G requires a meaningful response.
OPTIONAL_FIELDS: frozenset[str] = frozenset(
    (
        "host_processor_frequency",
        "host_processor_caches",
        "host_processor_interconnect",
        "accelerator_frequency",
        "accelerator_on-chip_memories",
        "accelerator_interconnect_topology",
        "hw_notes",
        "sw_notes",
    )
)

#: The value of every accelerator field for a node without accelerators.
NO_ACCELERATOR = "N/A"

#: submission_status of a log -> status of a system description. The log's words come from
#: training_rules.adoc; the description's are those that upstream's checker requires
#: for training 4.0 and later (for hpc and older training rounds it accepts any).
STATUS_WORDS: dict[str, str] = {
    "onprem": "Available on-premise",
    "cloud": "Available cloud",
    "research": "Research, Development, or Internal (RDI)",
    "preview": "Preview",
}

#: Words of a hardware name that do not tell one model from another.
_VENDOR_WORDS = frozenset(
    ["nvidia", "tesla", "amd", "intel", "ampere", "r", "tm", "cpu", "gpu", "processor", "core", "at"]
)


class Contradiction(NamedTuple):
    """A field of a description, what it claims, and what a run measured."""

    field: str
    claimed: str
    measured: str


def model_words(name: str) -> frozenset[str]:
    """Return the words that identify a model: ``Tesla V100-SXM2-32GB`` -> v100, sxm2, 32gb."""
    text = re.sub(r"@.*", "", name.lower())
    text = re.sub(r"(\d+)\s*(gb|gib)\b", r"\1gb", text)
    words = frozenset(re.findall(r"[a-z0-9]+", text))
    return words - _VENDOR_WORDS


def same_model(claimed: str, measured: str) -> bool:
    """Whether a claimed name fits a measured one: it contains no word that the measured one lacks."""
    words = model_words(claimed)
    return bool(words) and words <= model_words(measured)


def whole_number(value: object) -> int | None:
    """Return the number that a description writes as a string, or None if it is not a number."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value, re.ASCII):
        return int(value)
    return None


def contradictions(claimed: Mapping[str, Any], measured: Mapping[str, Any]) -> list[Contradiction]:
    """Return where a description and a run's ``system.json`` cannot both be true.

    Compares the number of nodes, the processors (model, cores per node) and the accelerators
    (number per node, model). Skips fields that either side lacks, which other rules report.
    """
    cpu = measured.get("cpu")
    cpu = cpu if isinstance(cpu, Mapping) else {}
    found = [
        *_number("number_of_nodes", claimed.get("number_of_nodes"), measured.get("number_of_nodes")),
        *_model("host_processor_model_name", claimed.get("host_processor_model_name"), cpu.get("model")),
        *_cores(claimed, cpu),
    ]
    accelerators = measured.get("accelerators")
    if isinstance(accelerators, list):
        found += _number("accelerators_per_node", claimed.get("accelerators_per_node"), len(accelerators))
        found += _accelerator_models(claimed.get("accelerator_model_name"), accelerators)
    return found


def _number(field: str, claimed: object, measured: object) -> list[Contradiction]:
    number = whole_number(claimed)
    if number is None or not isinstance(measured, int) or number == measured:
        return []
    return [Contradiction(field, str(number), str(measured))]


def _model(field: str, claimed: object, measured: object) -> list[Contradiction]:
    if not isinstance(claimed, str) or not isinstance(measured, str) or same_model(claimed, measured):
        return []
    return [Contradiction(field, claimed, measured)]


def _cores(claimed: Mapping[str, Any], cpu: Mapping[str, Any]) -> list[Contradiction]:
    """Compare the cores, which are claimed per processor (G's example) and measured per node."""
    cores = whole_number(claimed.get("host_processor_core_count"))
    processors = whole_number(claimed.get("host_processors_per_node"))
    measured = cpu.get("cores")
    if cores is None or processors is None or not isinstance(measured, int) or cores * processors == measured:
        return []
    return [
        Contradiction(
            "host_processor_core_count",
            f"{processors} processors of {cores} cores",
            f"{measured} cores on the node",
        )
    ]


def _accelerator_models(claimed: object, accelerators: list[Any]) -> list[Contradiction]:
    if not isinstance(claimed, str):
        return []
    models = sorted({str(each.get("model")) for each in accelerators if isinstance(each, Mapping)})
    if not models:
        fits = claimed.strip().lower() in (NO_ACCELERATOR.lower(), "none", "")
        return [] if fits else [Contradiction("accelerator_model_name", claimed, "no accelerator")]
    return [
        Contradiction("accelerator_model_name", claimed, model)
        for model in models
        if not same_model(claimed, model)
    ]
