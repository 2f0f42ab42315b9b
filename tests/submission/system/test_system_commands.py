"""Descriptions of systems: those of the paper's Table 2, and the commands detect, validate and show."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark import ROOT
from compliance import registry
from compliance.rules import own_rules
from compliance.subjects.subjects import SystemFile
from compliance.subjects.system import FIELDS, contradictions
from submission.system.__main__ import describe_node, main
from submission.system.description import (
    DEFAULT_SITE,
    SYSTEMS,
    describe_named,
    known_systems,
    read_site,
    short_description,
)
from submission.system.detect import networking, node_answers, storage
from tests.support.runs.hand_runs import MEASURED, V100, write_run


class Row(NamedTuple):
    """A row of the paper's Table 2, typed from the paper."""

    name: str
    cores: int
    memory: str
    accelerator: str
    accelerator_memory: str
    accelerators: int
    #: What NVML calls such a card.
    measured: str


TABLE_2 = (
    Row("greene-rtx8000", 48, "384 GB", "RTX 8000", "48 GB", 4, "Quadro RTX 8000"),
    Row("greene-v100", 48, "384 GB", "V100", "32 GB", 4, "Tesla V100-PCIE-32GB"),
    Row("greene-v100-8-gpus", 40, "512 GB", "V100", "32 GB", 8, "Tesla V100-SXM2-32GB"),
    Row("greene-v100-40-cores", 40, "384 GB", "V100", "32 GB", 4, "Tesla V100-PCIE-32GB"),
    Row("greene-v100-16gb", 40, "384 GB", "V100", "16 GB", 4, "Tesla V100-PCIE-16GB"),
    Row("greene-a100-80-cores", 80, "1024 GB", "A100", "80 GB", 4, "NVIDIA A100-SXM4-80GB"),
    Row("greene-a100-64-cores", 64, "512 GB", "A100", "80 GB", 4, "NVIDIA A100 80GB PCIe"),
)
each_row = pytest.mark.parametrize("row", TABLE_2, ids=[row.name for row in TABLE_2])


def claimed(name: str) -> dict[str, str]:
    described: dict[str, str] = json.loads((SYSTEMS / f"{name}.json").read_text())
    return described


def measured_as(row: Row) -> dict[str, Any]:
    """What a run measures on such a node."""
    model = claimed(row.name)["host_processor_model_name"].replace("Intel Xeon", "Intel(R) Xeon(R)")
    cpu = MEASURED["cpu"] | {"model": f"{model} 8358 CPU @ 2.60GHz", "sockets": 2, "cores": row.cores}
    return MEASURED | {"cpu": cpu, "accelerators": [V100 | {"model": row.measured}] * row.accelerators}


# ---- the paper's Table 2


def test_there_is_a_description_for_each_row() -> None:
    assert known_systems() == sorted(row.name for row in TABLE_2)


@each_row
def test_a_description_says_what_its_row_says(row: Row) -> None:
    described = claimed(row.name)
    processors = int(described["host_processors_per_node"])
    assert processors * int(described["host_processor_core_count"]) == row.cores
    assert described["host_memory_capacity"] == row.memory
    assert row.accelerator in described["accelerator_model_name"]
    assert described["accelerator_memory_capacity"] == row.accelerator_memory
    assert described["accelerators_per_node"] == str(row.accelerators)
    assert described["hw_notes"].count(f"row {TABLE_2.index(row) + 1} of Table 2") == 1


@each_row
def test_a_description_answers_every_field_and_names_its_sources(row: Row) -> None:
    described = claimed(row.name)
    assert list(described) == list(FIELDS)
    assert registry.run("system", SystemFile(SYSTEMS / f"{row.name}.json", described), own_rules()) == []
    assert "Sources:" in described["hw_notes"]
    assert described["system_name"] == row.name


@each_row
def test_a_run_on_such_a_node_fits_its_description_and_no_other_accelerators(row: Row) -> None:
    measured = measured_as(row)
    assert contradictions(claimed(row.name), measured) == []
    described = describe_named(row.name, [measured], org="NYU", status="onprem")
    assert described["framework"] == "TensorFlow 2.21.0"
    for other in TABLE_2:
        if other.accelerator != row.accelerator:
            found = contradictions(claimed(other.name), measured)
            assert "accelerator_model_name" in [each.field for each in found]


@each_row
def test_upstreams_checker_accepts_every_description(row: Row, tmp_path: Path) -> None:
    checker = pytest.importorskip("mlperf_logging.system_desc_checker.system_desc_checker")
    path = tmp_path / f"{row.name}.json"
    path.write_text(json.dumps(describe_named(row.name, [measured_as(row)], org="NYU", status="onprem")))
    for usage in (("hpc", "3.0.0"), ("training", "5.1.0")):
        valid, found, *_ = checker.check_system_desc(str(path), *usage)
        assert (valid, found) == (True, row.name)


# ---- detect


def test_this_node_is_described_by_what_it_has() -> None:
    described = describe_node(read_site(DEFAULT_SITE), org="NYU", status="research", name="Ada Node")
    assert registry.run("system", SystemFile(Path("ada-node.json"), described), own_rules()) == []
    processors = int(described["host_processors_per_node"])
    assert processors * int(described["host_processor_core_count"]) == psutil.cpu_count(logical=False)
    assert (
        described["host_memory_capacity"].split()[0][:2] == f"{psutil.virtual_memory().total / 2**30:.1f}"[:2]
    )
    assert (described["system_name"], described["submitter"]) == ("ada-node", "NYU")


def test_a_site_answer_is_kept_and_an_unused_network_is_named_all_the_same(tmp_path: Path) -> None:
    answers = node_answers()
    site = read_site(DEFAULT_SITE)
    described = describe_node(site, org="NYU", status="onprem", name=None)
    seen = answers.get("host_networking")
    unused = "none used: single-node run"
    assert described["host_networking"] == (f"{seen}; {unused}" if seen else unused)
    known = site | {"host_networking": "HDR InfiniBand", "cooling": "water"}
    described = describe_node(known, org="NYU", status="onprem", name=None)
    assert (described["host_networking"], described["cooling"]) == ("HDR InfiniBand", "water")


def test_detect_prints_the_json_and_tells_what_is_open(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["detect", "--org", "Universität Zürich", "--name", "node"]) == 0
    said = capsys.readouterr()
    described = json.loads(said.out)
    assert list(described) == list(FIELDS)
    assert described["submitter"] == "Universität Zürich"
    assert "The rules want this in a file node.json." in said.err
    assert "host_memory_configuration" in said.err
    assert main(["detect", "--org", "x", "--site", str(tmp_path / "none.yaml")]) == 2
    assert "No such file or directory" in capsys.readouterr().err


def disk(size: int = 10**12, rotating: bool = False, bus: str | None = "nvme") -> dict[str, Any]:
    return {"name": "d", "size": size, "rota": rotating, "type": "disk", "tran": bus}


@pytest.mark.parametrize(
    ("disks", "said"),
    [
        ([], ""),
        ([disk(), disk(), disk(bus="sata", rotating=True)], "2x NVMe SSD, 1x SATA HDD"),
        ([disk(bus="sas")], "1x SAS SSD"),
        ([disk(bus=None, rotating=True)], ""),
        ([disk(size=0)], ""),
        ([disk() | {"type": "rom"}, {}], ""),
    ],
)
def test_disks_are_counted_by_kind_and_virtual_ones_are_not_guessed(
    disks: list[dict[str, Any]], said: str
) -> None:
    assert storage(disks) == said


def test_network_cards_are_counted_by_kind_and_speed_and_software_is_no_card() -> None:
    links = [
        {"ifname": "eth0", "link_type": "ether"},
        {"ifname": "ib0", "link_type": "infiniband"},
        {"ifname": "ib1", "link_type": "infiniband"},
        {"ifname": "docker0", "link_type": "ether"},
        {"ifname": "lo", "link_type": "loopback"},
    ]
    speeds = {"eth0": 25_000, "ib0": 200_000, "ib1": 200_000, "lo": 1}
    assert networking(links, speeds) == "1x Ethernet 25 Gb/s, 2x InfiniBand 200 Gb/s"
    assert networking(links, {"eth0": -1}) == "1x Ethernet"
    assert networking([], speeds) == ""


@given(st.lists(st.sampled_from(["eth0", "ib0", "none"]), max_size=5), st.integers(-1, 800_000))
def test_as_many_cards_are_named_as_there_are(names: list[str], speed: int) -> None:
    links = [{"ifname": name, "link_type": "ether"} for name in names]
    said = networking(links, {"eth0": speed, "ib0": 100})
    counts = [int(part.split("x")[0]) for part in said.split(", ") if part]
    assert sum(counts) == sum(name != "none" for name in names)


# ---- validate and show


def test_descriptions_are_judged_by_the_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", *known_systems()]) == 0
    assert "7 system descriptions: 0 errors" in capsys.readouterr().out
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(claimed("greene-v100") | {"cooling": "TBD"}))
    assert main(["validate", str(path)]) == 1
    assert "[system-placeholder]" in capsys.readouterr().out


def test_a_description_is_compared_with_runs_and_each_contradiction_names_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (1, 2):
        write_run(tmp_path / "logs", seed, "0" * 40)
    assert main(["validate", "greene-v100", "--logs", str(tmp_path / "logs")]) == 1
    said = capsys.readouterr().out
    assert "compared with 2 runs\n" in said
    assert said.count("[system-agrees]") == 4
    runs = ", ".join(str(tmp_path / f"logs/quick-seed-{seed}/system.json") for seed in (1, 2))
    assert f"found:    accelerators_per_node: 4\n    expected: 0, as in {runs}\n" in said


def test_a_description_that_fits_its_runs_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "logs", 1, "0" * 40, system=measured_as(TABLE_2[1]))
    assert main(["validate", "greene-v100", "--logs", str(tmp_path / "logs")]) == 0
    assert "compared with 1 run\n" in capsys.readouterr().out


def test_runs_without_a_measurement_and_folders_without_runs_are_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_run(tmp_path / "logs", 1, "0" * 40)
    for text, said in (("{", "expecting property name"), (None, "No such file or directory")):
        (folder / "system.json").unlink() if text is None else (folder / "system.json").write_text(text)
        assert main(["validate", "greene-v100", "--logs", str(tmp_path / "logs")]) == 2
        assert said in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["validate", "greene-v100", "--logs", str(tmp_path / "empty")]) == 2
    assert "no log in or below" in capsys.readouterr().err
    (tmp_path / "system.json").write_text("{}")  # a description, which is no run
    assert main(["validate", "greene-v100", "--logs", str(tmp_path / "system.json")]) == 2
    assert "no log of a run" in capsys.readouterr().err


def test_an_unknown_system_is_reported_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("validate", "show"):
        assert main([command, "frontier"]) == 2
        assert f"one of: {', '.join(known_systems())}" in capsys.readouterr().err


def test_show_lists_the_known_systems_or_all_fields_of_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(TABLE_2)
    assert "greene-v100: 4x NVIDIA Tesla V100 32GB, 2x Intel Xeon Platinum 8268" in lines
    assert main(["show", "greene-v100"]) == 0
    shown = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert dict(map(tuple, shown)) == claimed("greene-v100")
    (tmp_path / "list.json").write_text("[]")
    assert main(["show", str(tmp_path / "list.json")]) == 2
    assert "no JSON object" in capsys.readouterr().err
    (tmp_path / "half.json").write_text('{"cooling": "air"}')
    assert main(["show", str(tmp_path / "half.json")]) == 0
    assert "(missing)" in capsys.readouterr().out


def test_a_description_in_a_line_counts_nodes_and_leaves_out_what_is_not_there() -> None:
    system = claimed("greene-v100") | {"number_of_nodes": "2"}
    assert short_description(system).startswith("greene-v100: 2 nodes of 4x NVIDIA Tesla V100 32GB, ")
    system |= {"accelerator_model_name": "N/A"}
    assert short_description(system) == "greene-v100: 2 nodes of 2x Intel Xeon Platinum 8268"


def test_the_command_never_loads_tensorflow() -> None:
    script = (
        "import sys; from submission.system.__main__ import main\n"
        "main(['show', 'greene-v100']); main(['detect', '--org', 'x'])\n"
        "print('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"
