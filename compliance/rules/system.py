"""Rules on system descriptions (G: ``<system>.json``; K: upstream's system checker).

Upstream's checker passes a description whose fields are all empty; these rules require an
answer in every field that needs one, and answers that fit each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compliance.placeholders import placeholder
from compliance.registry import Problem, problem, system_rule
from compliance.subjects.subjects import SystemFile
from compliance.subjects.system import (
    FIELDS,
    GENERAL_FIELDS,
    NO_ACCELERATOR,
    OPTIONAL_FIELDS,
    STATUS_WORDS,
    whole_number,
)
from compliance.wording import describe, excerpt, listing

#: At least one of these fields needs an answer (G: 'Yes, or vcpu').
CORES_OR_VCPUS = ("host_processor_core_count", "host_processor_vcpu_count")

#: Whole numbers, with the least sensible value and a limit that no system reaches.
NUMBERS: dict[str, tuple[int, int]] = {
    "number_of_nodes": (1, 100_000),
    "host_processors_per_node": (1, 1024),
    "host_processor_core_count": (1, 4096),
    "host_processor_vcpu_count": (1, 65_536),
    "accelerators_per_node": (0, 1024),
}

ACCELERATOR_FIELDS = tuple(name for name in FIELDS if name.startswith("accelerator_"))

#: Spellings of 'there is none'.
_NONE_WORDS = frozenset(("n/a", "na", "none"))


def answers(system: SystemFile) -> dict[str, Any]:
    """Return the fields of a description; none if it is not a JSON object."""
    return system.data if isinstance(system.data, dict) else {}


def unanswered(text: str) -> str | None:
    """Say why a text is not an answer, or return None if it is. "None" and "N/A" are answers."""
    return None if text.strip().lower() in _NONE_WORDS else placeholder(text)


@system_rule(
    "system-fields",
    clause="G-system-json, K-system",
    expected="a JSON object with every field that upstream's checker asks for",
    remedy="add the field; mlperf-sysinfo and `python -m submission.system` write all of them",
)
def system_fields(system: SystemFile) -> Iterator[Problem]:
    """A system description must have every field that both the general rules and upstream's checker list.
    Even fields without an answer must say so: 'N/A', or why there is none."""
    if not isinstance(system.data, dict):
        if system.data is not None or not system.defects:
            yield problem(describe(system.data))
        return
    for name in FIELDS:
        if name not in GENERAL_FIELDS and name not in system.data:
            yield problem(f"no field {name}", expected=f"a field {name}")


@system_rule(
    "system-general-fields",
    clause="G-system-json, G-system-answers",
    expected=f"the fields {listing(GENERAL_FIELDS)} too",
    remedy="add the field: datacenter or edge, and the number of network cards of a node",
)
def system_general_fields(system: SystemFile) -> Iterator[Problem]:
    """A system description must have the fields that only the general rules list. Upstream's checker and
    mlperf-sysinfo, which writes descriptions for MLPerf Training, leave them out."""
    for name in GENERAL_FIELDS if isinstance(system.data, dict) else ():
        if name not in answers(system):
            yield problem(f"no field {name}", expected=f"a field {name}")


@system_rule(
    "system-strings",
    clause="K-system-strings",
    expected="a string",
    remedy='put the value in quotes: "2" instead of 2',
)
def system_strings(system: SystemFile) -> Iterator[Problem]:
    """Every value of a system description must be a string. Upstream joins the values to a
    line of text and fails with a traceback on anything else."""
    for name, value in answers(system).items():
        if name in FIELDS and not isinstance(value, str):
            yield problem(f"{name} is {describe(value)}")


@system_rule(
    "system-answers",
    clause="G-system-answers",
    expected="an answer",
    remedy="answer it; where nobody can know, say so: 'not published by the site'",
)
def system_answers(system: SystemFile) -> Iterator[Problem]:
    """Every field for which the rules ask a meaningful response must have one. The core count
    may replace the vCPU count and vice versa."""
    fields = answers(system)
    for name in FIELDS:
        value = fields.get(name)
        if not isinstance(value, str) or value.strip():
            continue
        if name in CORES_OR_VCPUS:
            other = fields.get(next(each for each in CORES_OR_VCPUS if each != name))
            if isinstance(other, str) and other.strip():
                continue
        if name not in OPTIONAL_FIELDS:
            yield problem(f"{name} is empty")


@system_rule(
    "system-placeholder",
    clause="G-system-answers",
    expected="an answer, not a word to be replaced by one",
    remedy="replace the placeholder by the answer",
)
def system_placeholder(system: SystemFile) -> Iterator[Problem]:
    """No field of a system description may hold a placeholder. Published descriptions
    contain TBD, TODO and <...>."""
    for name, value in answers(system).items():
        if isinstance(value, str) and value.strip() and (reason := unanswered(value)):
            yield problem(f"{name} is {excerpt(value)}: {reason}")


@system_rule(
    "system-numbers",
    clause="house",
    expected="a whole number in digits",
    remedy="write the number alone, without a unit; what explains it belongs in hw_notes",
)
def system_numbers(system: SystemFile) -> Iterator[Problem]:
    """Counts of nodes, processors, cores and accelerators must be whole numbers of sane size."""
    fields = answers(system)
    for name, (least, most) in NUMBERS.items():
        value = fields.get(name)
        if not isinstance(value, str) or not value.strip():
            continue
        number = whole_number(value)
        if number is None or not least <= number <= most:
            yield problem(
                f"{name} is {excerpt(value)}", expected=f"a whole number from {least} to {most}, in digits"
            )


@system_rule(
    "system-cores",
    clause="house",
    expected="as many vCPUs as cores, or a multiple (hardware threads, processors)",
    remedy="state both for one processor, or the vCPUs for the node; they are multiples of the cores",
)
def system_cores(system: SystemFile) -> Iterator[Problem]:
    """The counts of cores and vCPUs must fit each other."""
    cores, vcpus = (whole_number(answers(system).get(name)) for name in CORES_OR_VCPUS)
    if cores and vcpus and vcpus % cores:
        yield problem(f"{cores} cores and {vcpus} vCPUs")


@system_rule(
    "system-accelerators",
    clause="house",
    expected=f"0 and every accelerator field {NO_ACCELERATOR!r}, or a number with model and memory",
    remedy="correct accelerators_per_node or the fields that contradict it",
)
def system_accelerators(system: SystemFile) -> Iterator[Problem]:
    """The number of accelerators must fit what is said about them. A node without one says 'N/A'
    in every field on accelerators, and a node with some says what they are."""
    fields = answers(system)
    number = whole_number(fields.get("accelerators_per_node"))
    if number is None:
        return
    told = {name: fields[name].strip() for name in ACCELERATOR_FIELDS if isinstance(fields.get(name), str)}
    if number == 0:
        for name, value in told.items():
            if value and value.lower() not in _NONE_WORDS:
                yield problem(f"0 accelerators, and {name} is {excerpt(value)}")
        return
    for name in ("accelerator_model_name", "accelerator_memory_capacity"):
        if told.get(name, "").lower() in _NONE_WORDS:
            yield problem(f"{number} accelerators, and {name} is {excerpt(told[name])}")


@system_rule(
    "system-name",
    clause="K-system-link",
    expected="the name of the file without .json",
    remedy="rename the file or correct system_name; upstream's links are made of system_name",
)
def system_name(system: SystemFile) -> Iterator[Problem]:
    """The system_name of a description must be the name of its file. Upstream builds the link
    to the file from this field."""
    name = answers(system).get("system_name")
    if isinstance(name, str) and name.strip() and name != system.path.stem:
        yield problem(f"system_name {excerpt(name)} in {system.path.name}", expected=system.path.stem)


@system_rule(
    "system-status",
    clause="G-categories, K-status",
    expected=f"one of {listing(STATUS_WORDS.values(), last='or')}",
    remedy="write the status in the words of the rules",
)
def system_status(system: SystemFile) -> Iterator[Problem]:
    """The status of a system must be one of the words that upstream's checker knows."""
    status = answers(system).get("status")
    if isinstance(status, str) and status.strip() and status not in STATUS_WORDS.values():
        word = STATUS_WORDS.get(status.strip().lower())
        yield problem(f"status is {excerpt(status)}", expected=word)


@system_rule(
    "system-division",
    clause="S6.2, S7-open, P-open",
    expected="open",
    remedy='write "division": "open"',
)
def system_division(system: SystemFile) -> Iterator[Problem]:
    """The division of a Science submission must be open."""
    division = answers(system).get("division")
    if isinstance(division, str) and division.strip() and division.strip().lower() != "open":
        yield problem(f"division is {excerpt(division)}")
