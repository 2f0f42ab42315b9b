"""System descriptions: measured, completed by a site file, or written by hand and not contradicted."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from benchmark.core.errors import SubmissionError
from compliance import registry
from compliance.rules import own_rules
from compliance.subjects.subjects import SystemFile
from compliance.subjects.system import FIELDS, STATUS_WORDS
from submission.system.description import (
    DEFAULT_SITE,
    describe_file,
    describe_measured,
    describe_named,
    read_site,
)
from tests.support.project import ROOT
from tests.support.runs.hand_runs import MEASURED, V100

#: What `mlperf-sysinfo capture` 1.0.0a12 wrote with its profile training on a virtual machine.
CAPTURED = ROOT / "tests" / "data" / "mlperf-sysinfo-1.0.0a12.json"

GREENE = MEASURED | {
    "cpu": MEASURED["cpu"]
    | {"model": "Intel(R) Xeon(R) Platinum 8268 CPU @ 2.90GHz", "sockets": 2, "cores": 48, "threads": 48},
    "accelerators": [V100] * 4,
}


def described(*measured: dict[str, Any]) -> dict[str, str]:
    site = read_site(DEFAULT_SITE)
    return describe_measured(measured, site, name="node", org="NYU", status="research")


def test_what_the_run_measured_stands_in_the_description() -> None:
    system = described(MEASURED)
    assert list(system) == list(FIELDS)
    assert system["submitter"] == "NYU"
    assert system["status"] == "Research, Development, or Internal (RDI)"
    assert system["host_processor_model_name"] == "AMD EPYC 9B14"
    assert system["host_processor_core_count"] == "2"
    assert system["host_processor_vcpu_count"] == "4"
    assert system["host_processor_frequency"] == "2600MHz"
    assert system["host_processor_caches"] == "L1d: 48 KiB, L2: 1024 KiB"
    assert system["host_memory_capacity"] == "23.5 GiB"
    assert system["host_storage_capacity"] == "252 GiB"
    assert system["accelerators_per_node"] == "0"
    assert system["accelerator_model_name"] == "N/A"
    assert system["framework"] == "TensorFlow 2.21.0"
    assert system["other_software_stack"] == "Python 3.11.7, keras 3.15.1, numpy 2.4.6"


@pytest.mark.parametrize("measured", [MEASURED, GREENE], ids=["cpu", "gpu"])
def test_a_measured_description_meets_every_rule(measured: dict[str, Any]) -> None:
    assert registry.run("system", SystemFile(Path("node.json"), described(measured)), own_rules()) == []


@pytest.mark.parametrize("status", STATUS_WORDS)
@pytest.mark.parametrize("usage", [("hpc", "3.0.0"), ("training", "3.0.0"), ("training", "5.1.0")])
def test_upstreams_checker_accepts_the_descriptions(
    status: str, usage: tuple[str, str], tmp_path: Path
) -> None:
    checker = pytest.importorskip("mlperf_logging.system_desc_checker.system_desc_checker")
    site = read_site(DEFAULT_SITE)
    for name, system in {
        "node": describe_measured([MEASURED], site, name="node", org="NYU", status=status),
        "greene-v100": describe_named("greene-v100", [GREENE], org="NYU", status=status),
    }.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(system))
        valid, found, *_ = checker.check_system_desc(str(path), *usage)
        assert (valid, found) == (True, name)


def test_what_was_not_measured_says_so() -> None:
    blind = copy.deepcopy(MEASURED)
    blind["cpu"]["max_frequency_mhz"] = None
    blind["cpu"]["caches"] = {}
    blind["storage"]["type"] = "unknown"
    system = described(blind)
    for field in ("host_processor_frequency", "host_processor_caches", "host_storage_type"):
        assert system[field] == "not visible from inside the node"


def test_a_site_file_answers_what_was_not_measured_and_never_what_was(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(DEFAULT_SITE.read_text() + "host_processor_frequency: 3000MHz\nhost_storage_type: NVMe\n")
    answers = read_site(site)
    blind = copy.deepcopy(MEASURED)
    blind["cpu"]["max_frequency_mhz"] = None
    system = describe_measured([blind], answers, name="node", org="NYU", status="research")
    assert system["host_processor_frequency"] == "3000MHz"
    assert system["host_storage_type"] == "SSD"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (("cooling: not visible from inside the node", "cooling: TBD"), "cooling is 'TBD': the word `tbd`"),
        (("cooling: not visible from inside the node", ""), "cooling is None"),
        (("cooling: not visible from inside the node", "cooling: 3"), "cooling is 3"),
        (("cooling:", "coolling:"), "an unknown field coolling"),
        (("cooling:", "number_of_nodes: x\ncooling:"), "number_of_nodes, which the runs measure"),
    ],
)
def test_a_site_file_that_does_not_answer_is_refused(
    change: tuple[str, str], found: str, tmp_path: Path
) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(DEFAULT_SITE.read_text().replace(*change))
    with pytest.raises(SubmissionError) as refusal:
        read_site(site)
    assert refusal.value.where == str(site)
    assert refusal.value.found == found


@pytest.mark.parametrize("text", ["- a list\n", "a: [\n", "\xff"])
def test_a_site_file_that_is_no_mapping_is_refused(text: str, tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_bytes(text.encode("latin-1"))
    with pytest.raises(SubmissionError):
        read_site(site)


def test_a_site_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match="No such file"):
        read_site(tmp_path / "none.yaml")


def test_runs_of_two_systems_are_refused_with_both_values() -> None:
    with pytest.raises(SubmissionError) as refusal:
        described(MEASURED, MEASURED, MEASURED | {"accelerators": [V100]})
    assert refusal.value.found == "accelerators_per_node: 0 in run 1 and 1 in run 3"


def test_another_clock_is_not_another_system() -> None:
    other = MEASURED | {"cpu": MEASURED["cpu"] | {"max_frequency_mhz": 2500.0}}
    assert described(MEASURED, other)["host_processor_frequency"] == "2600MHz"


def test_a_description_by_hand_takes_submitter_status_and_software_from_the_runs() -> None:
    system = describe_named("greene-v100", [GREENE], org="Elsewhere", status="onprem")
    assert system["submitter"] == "Elsewhere"
    assert system["status"] == "Available on-premise"
    assert system["framework"] == "TensorFlow 2.21.0"
    assert system["other_software_stack"].endswith("NVIDIA driver 535.1")
    assert system["operating_system"] == "Debian GNU/Linux 12 (bookworm), Linux 6.1.0"
    assert system["host_processor_model_name"] == "Intel Xeon Platinum 8268"


def test_what_mlperf_sysinfo_captured_is_completed_by_the_runs_and_meets_every_rule() -> None:
    system = describe_file(CAPTURED, [MEASURED], read_site(DEFAULT_SITE), org="NYU", status="onprem")
    assert [*system] == [*FIELDS]
    assert (system["system_name"], system["submitter"], system["cooling"]) == ("this-node", "NYU", "air")
    assert system["host_processor_interconnect"] == "Single NUMA node"
    # empty or absent in the file
    assert (system["accelerators_per_node"], system["host_network_card_count"]) == ("0", "1")
    assert (system["accelerator_model_name"], system["system_type"]) == ("N/A", "single node")
    assert registry.run("system", SystemFile(Path("this-node.json"), system), own_rules()) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"mlperf_sysinfo": {"benchmark": "inference"}}, "mlperf-sysinfo's profile for inference"),
        ({"mlperf_sysinfo": {"complete": False}}, "a capture that some nodes did not answer"),
        ({"mlperf_sysinfo": 1}, "no JSON object"),
        ({"number_of_nodes": 1}, "number_of_nodes is 1"),
        ({"system_name": " "}, "no system_name"),
        (None, "no JSON object"),
    ],
)
def test_a_file_that_is_no_complete_description_is_refused(
    tmp_path: Path, change: dict[str, Any] | None, found: str
) -> None:
    path = tmp_path / "system.json"
    path.write_text(json.dumps(change and json.loads(CAPTURED.read_text()) | change))
    with pytest.raises(SubmissionError) as refusal:
        describe_file(path, [MEASURED], read_site(DEFAULT_SITE), org="NYU", status="onprem")
    assert refusal.value.found == found


def test_a_file_that_the_runs_contradict_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "system.json"
    path.write_text(CAPTURED.read_text().replace('core_count": "2"', 'core_count": "64"'))
    with pytest.raises(SubmissionError, match="1 processors of 64 cores, measured 2 cores on the node"):
        describe_file(path, [MEASURED], read_site(DEFAULT_SITE), org="NYU", status="onprem")


def test_a_description_that_runs_contradict_is_refused_with_each_contradiction() -> None:
    other = GREENE | {"accelerators": [V100]}
    with pytest.raises(SubmissionError) as refusal:
        describe_named("greene-v100", [GREENE, other, other], org="NYU", status="onprem")
    assert refusal.value.found.splitlines() == [
        "runs of another system:",
        "              accelerators_per_node: described 4, measured 1 (runs 2, 3)",
    ]


def test_an_unknown_system_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SubmissionError) as refusal:
        describe_named("../etc/passwd", [GREENE], org="NYU", status="onprem")
    assert "greene-v100" in refusal.value.expected
