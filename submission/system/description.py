"""Write the system description (G: ``<org>/systems/<system>.json``), measured as far as possible.

Most fields come from a run's measurements of its node (``system.json``); a site file answers
the rest. A description written by hand is used only if the runs do not contradict it, and
never for the software, which the runs know better.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.core.errors import SubmissionError
from benchmark.core.files import reason_of
from benchmark.core.plain_yaml import PLAIN, YamlDefect, read_yaml
from compliance.rules.system import unanswered
from compliance.subjects.strict_json import read_json
from compliance.subjects.system import FIELDS, NO_ACCELERATOR, STATUS_WORDS, Contradiction, contradictions
from submission.bundle.layout import directory_name

SYSTEMS = Path(__file__).parent / "systems"
SITES = Path(__file__).parent / "sites"
DEFAULT_SITE = SITES / "this-node.yaml"

UNSEEN = "not visible from inside the node"

#: Fields that no run can measure: a site file must answer them.
SITE_FIELDS = (
    "system_type",
    "host_processor_interconnect",
    "host_networking",
    "host_networking_topology",
    "host_memory_configuration",
    "accelerator_host_interconnect",
    "accelerator_on-chip_memories",
    "accelerator_memory_configuration",
    "accelerator_interconnect",
    "accelerator_interconnect_topology",
    "cooling",
    "hw_notes",
    "sw_notes",
)
#: Fields that a run measures on most systems: a site file may answer them for the others.
FALLBACK_FIELDS = (
    "host_processor_frequency",
    "host_processor_caches",
    "host_storage_type",
    "accelerator_frequency",
)
#: Clock rates differ between two measurements of the same node.
VARYING_FIELDS = ("host_processor_frequency", "accelerator_frequency")


def read_site(path: Path) -> dict[str, str]:
    """Read a site file: an answer for each of SITE_FIELDS, and for FALLBACK_FIELDS if given.

    Raises SubmissionError.
    """
    try:
        answers = read_yaml(path)
    except OSError as error:
        raise _site_error(path, reason_of(error), "a YAML file of answers") from None
    except YamlDefect as defect:
        raise _site_error(path, str(defect), PLAIN) from None
    if not isinstance(answers, dict):
        raise _site_error(path, type(answers).__name__, "a mapping of fields to answers")
    allowed = (*SITE_FIELDS, *FALLBACK_FIELDS)
    for name in answers:
        if name not in allowed:
            found = f"{name}, which the runs measure" if name in FIELDS else f"an unknown field {name}"
            raise _site_error(path, found, f"only {', '.join(allowed)}")
    for name in allowed:
        answer = answers.get(name)
        if answer is None and name in FALLBACK_FIELDS:
            continue
        if not isinstance(answer, str) or not answer.strip():
            raise _site_error(path, f"{name} is {answer!r}", f"an answer to {name}, as text")
        if reason := unanswered(answer):
            raise _site_error(path, f"{name} is {answer!r}: {reason}", f"an answer to {name}")
    return {name: " ".join(answer.split()) for name, answer in answers.items()}


def _site_error(path: Path, found: str, expected: str) -> SubmissionError:
    remedy = f"correct the file; {DEFAULT_SITE.name} shows all answers, and 'not published' is one"
    return SubmissionError(path, found=found, expected=expected, remedy=remedy)


def describe_measured(
    measured: Sequence[Mapping[str, Any]], site: Mapping[str, str], *, name: str, org: str, status: str
) -> dict[str, str]:
    """Return the description of the system that all runs measured, in the order of the rules' table.

    ``measured`` are the runs' system.json. Raises SubmissionError if they differ in a field of
    the description.
    """
    described = [_describe(facts, site, name, org, status) for facts in measured]
    first = described[0]
    for number, other in enumerate(described[1:], start=2):
        for field in FIELDS:
            if field not in VARYING_FIELDS and other[field] != first[field]:
                raise SubmissionError(
                    "system.json of the runs",
                    found=f"{field}: {first[field]} in run 1 and {other[field]} in run {number}",
                    expected="runs of one set on one system, with the same software",
                    remedy="package the runs of each system on their own: --logs RUN RUN ...",
                )
    return first


def _describe(
    facts: Mapping[str, Any], site: Mapping[str, str], name: str, org: str, status: str
) -> dict[str, str]:
    cpu, storage = facts["cpu"], facts["storage"]
    sockets = cpu["sockets"] if cpu["cores"] % cpu["sockets"] == 0 else 1
    storage_type = storage["type"] if storage["type"] != "unknown" else None
    values = {
        **{field: site[field] for field in SITE_FIELDS},
        "submitter": org,
        "division": "open",
        "status": STATUS_WORDS[status],
        "system_name": name,
        "number_of_nodes": str(facts["number_of_nodes"]),
        "host_processors_per_node": str(sockets),
        "host_processor_model_name": cpu["model"],
        "host_processor_core_count": str(cpu["cores"] // sockets),
        "host_processor_vcpu_count": str(cpu["threads"] // sockets),
        "host_processor_frequency": _megahertz(cpu.get("max_frequency_mhz"))
        or site.get("host_processor_frequency", UNSEEN),
        "host_processor_caches": _caches(cpu["caches"]) or site.get("host_processor_caches", UNSEEN),
        "host_memory_capacity": _gibibytes(facts["memory"]["total_bytes"]),
        "host_storage_type": storage_type or site.get("host_storage_type", UNSEEN),
        "host_storage_capacity": _gibibytes(storage["total_bytes"]),
        "host_network_card_count": str(facts["network"]["cards"]),
        **_accelerators(facts["accelerators"], site),
        **_software(facts),
    }
    return {field: values[field] for field in FIELDS}


def _accelerators(cards: Sequence[Mapping[str, Any]], site: Mapping[str, str]) -> dict[str, str]:
    if not cards:
        absent = {field: NO_ACCELERATOR for field in FIELDS if field.startswith("accelerator_")}
        return {"accelerators_per_node": "0", **absent}
    models = sorted({card["model"] for card in cards})
    return {
        "accelerators_per_node": str(len(cards)),
        "accelerator_model_name": ", ".join(models),
        "accelerator_frequency": _megahertz(cards[0].get("clock_mhz"))
        or site.get("accelerator_frequency", UNSEEN),
        "accelerator_memory_capacity": _gibibytes(cards[0]["memory_bytes"]),
    }


def _software(facts: Mapping[str, Any]) -> dict[str, str]:
    packages = {name: version for name, version in facts["packages"].items() if version}
    framework = f"TensorFlow {packages.pop('tensorflow')}" if "tensorflow" in packages else UNSEEN
    stack = [f"Python {facts['python']}", *(f"{name} {version}" for name, version in packages.items())]
    stack += sorted({f"NVIDIA driver {card['driver']}" for card in facts["accelerators"]})
    return {
        "framework": framework,
        "other_software_stack": ", ".join(stack),
        "operating_system": facts["os"],
    }


def _megahertz(value: float | None) -> str:
    return f"{value:.0f}MHz" if value else ""


def _gibibytes(count: int) -> str:
    """Format bytes in GiB: one decimal below 100, none above, since reserved memory varies slightly."""
    size = count / 2**30
    return f"{size:.1f} GiB" if size < 100 else f"{size:.0f} GiB"


def _caches(caches: Mapping[str, str | None]) -> str:
    return ", ".join(f"{level}: {size}" for level, size in caches.items() if size)


def describe_named(
    name: str, measured: Sequence[Mapping[str, Any]], *, org: str, status: str
) -> dict[str, str]:
    """Return the description ``systems/<name>.json`` with submitter, status and software of the runs.

    Raises SubmissionError if there is none, or if a run contradicts it.
    """
    path = SYSTEMS / f"{name}.json"
    if name not in known_systems():
        raise SubmissionError(
            f"--system {name}",
            found=f"no {path.name} in {SYSTEMS.parent.name}/{SYSTEMS.name}/",
            expected=f"a file, or one of: {', '.join(known_systems())}",
            remedy="leave --system out to describe what the runs measured, or give the description's file",
        )
    claimed: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return _of_runs(f"--system {name}", claimed, measured, org, status)


def describe_file(
    path: Path, measured: Sequence[Mapping[str, Any]], site: Mapping[str, str], *, org: str, status: str
) -> dict[str, str]:
    """Return the description in a file written by `mlperf-sysinfo` (profile training) or by `detect`.

    Empty or missing fields come from the runs' measurements and the site file; submitter, status and
    software come from the runs. Raises SubmissionError if the file is not a description, or if a run
    contradicts it.
    """
    stated = _stated(path)
    name = directory_name(stated["system_name"])
    described = describe_measured(measured, site, name=name, org=org, status=status)
    claimed = described | {field: stated[field] for field in FIELDS if stated.get(field, "").strip()}
    return _of_runs(f"--system {path}", claimed | {"system_name": name}, measured, org, status)


def _stated(path: Path) -> dict[str, str]:
    """Read the fields that a file states. Raises SubmissionError."""
    data: Any = read_json(path).data
    stamp = data.get("mlperf_sysinfo", {}) if isinstance(data, Mapping) else {}
    found = ""
    if not isinstance(data, Mapping) or not isinstance(stamp, Mapping):
        found = "no JSON object"
    elif stamp.get("benchmark", "training") != "training":
        found = f"mlperf-sysinfo's profile for {stamp['benchmark']}"
    elif stamp.get("complete", True) is not True:
        found = "a capture that some nodes did not answer"
    elif wrong := [field for field in FIELDS if not isinstance(data.get(field, ""), str)]:
        found = f"{wrong[0]} is {data[wrong[0]]!r}"
    elif not data.get("system_name", "").strip():
        found = "no system_name"
    if not found:
        return {field: data[field] for field in FIELDS if field in data}
    raise SubmissionError(
        path,
        found=found,
        expected="a complete description of a system, each field a text",
        remedy="capture it with the profile training of mlperf-sysinfo, or: "
        "python -m submission.system detect --org ORG > FILE",
    )


def _of_runs(
    where: str, claimed: dict[str, str], measured: Sequence[Mapping[str, Any]], org: str, status: str
) -> dict[str, str]:
    """Overwrite fields that the runs know better. Raises SubmissionError if a run contradicts ``claimed``."""
    found: dict[Contradiction, list[int]] = {}
    for number, facts in enumerate(measured, start=1):
        for each in contradictions(claimed, facts):
            found.setdefault(each, []).append(number)
    if found:
        lines = [
            f"\n              {each.field}: described {each.claimed}, measured {each.measured}"
            f" ({'run' if len(runs) == 1 else 'runs'} {', '.join(map(str, runs))})"
            for each, runs in found.items()
        ]
        raise SubmissionError(
            where,
            found=f"runs of another system:{''.join(lines)}",
            expected="runs on the system that is described",
            remedy="leave --system out to describe what the runs measured, or run on that system",
        )
    software = _software(measured[0])
    values = claimed | software | {"submitter": org, "status": STATUS_WORDS[status]}
    return {field: values[field] for field in FIELDS}


def short_description(system: Mapping[str, str]) -> str:
    """Shorten to a line: ``greene-v100: 4x NVIDIA Tesla V100 32GB, 2x Intel Xeon Platinum 8268``."""
    nodes = system["number_of_nodes"]
    parts = [f"{system['host_processors_per_node']}x {system['host_processor_model_name']}"]
    if system["accelerator_model_name"] != NO_ACCELERATOR:
        parts.insert(0, f"{system['accelerators_per_node']}x {system['accelerator_model_name']}")
    return f"{system['system_name']}: {f'{nodes} nodes of ' * (nodes != '1')}{', '.join(parts)}"


def known_systems() -> list[str]:
    """Return the names of the descriptions in ``submission/system/systems/``."""
    return sorted(path.stem for path in SYSTEMS.glob("*.json"))
