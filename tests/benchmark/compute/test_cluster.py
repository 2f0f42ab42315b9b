"""Who trains together, by TF_CONFIG and by Slurm's variables."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.compute.cluster import Cluster, find_cluster
from benchmark.compute.collectives import own_row, rows_are_equal, share_of
from benchmark.core.errors import RunError


def tf_config(workers: object, index: object, kind: object = "worker") -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": {"worker": workers}, "task": {"type": kind, "index": index}})}


def slurm(**changes: str) -> dict[str, str]:
    step = {
        "SLURM_JOB_ID": "42",
        "SLURM_STEP_ID": "0",
        "SLURM_STEP_NODELIST": "gr001,gr002,gr003",
        "SLURM_STEP_NUM_TASKS": "6",
        "SLURM_STEP_TASKS_PER_NODE": "4,1(x2)",
        "SLURM_PROCID": "4",
    }
    return {name: value for name, value in (step | changes).items() if value is not None}


def test_without_either_a_process_is_alone_and_chief():
    cluster = find_cluster({})
    assert (cluster.size, cluster.nodes, cluster.share, cluster.is_chief) == (1, 1, (0, 1), True)
    assert find_cluster({"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}) == cluster
    assert find_cluster(tf_config(["a:1"], 0)) == cluster


def test_tf_config_names_the_workers():
    cluster = find_cluster(tf_config(["127.0.0.1:5000", "127.0.0.1:5001", "b:5000"], 1))
    assert (cluster.size, cluster.nodes, cluster.share, cluster.is_chief) == (3, 2, (1, 3), False)


def test_a_slurm_step_names_them_too_and_tensorflow_is_told():
    environment = slurm()
    cluster = find_cluster(environment)
    assert [address.split(":")[0] for address in cluster.workers] == ["gr001"] * 4 + ["gr002", "gr003"]
    assert (cluster.index, cluster.nodes) == (4, 3)
    ports = [int(address.split(":")[1]) for address in cluster.workers]
    assert ports == [ports[0] + rank for rank in range(6)]
    assert ports[0] >= 1024
    assert find_cluster({"TF_CONFIG": environment["TF_CONFIG"]}) == cluster


@given(first=st.integers(1, 10**7), step=st.integers(0, 50))
def test_neighbouring_jobs_of_a_node_share_no_port(first, step):
    def ports(job: int) -> set[str]:
        cluster = find_cluster(
            slurm(
                SLURM_JOB_ID=str(job),
                SLURM_STEP_ID=str(step),
                SLURM_STEP_NODELIST="n",
                SLURM_STEP_NUM_TASKS="16",
                SLURM_STEP_TASKS_PER_NODE="16",
                SLURM_PROCID="0",
            )
        )
        return set(cluster.workers)

    assert not ports(first) & ports(first + 1)


@pytest.mark.parametrize(
    ("nodes", "names"),
    [
        ("n[1-3]", ["n1", "n2", "n3"]),
        ("gr[008-009],m7", ["gr008", "gr009", "m7"]),
        ("n[1,3],m", ["n1", "n3", "m"]),
        ("r[0-1]n[2,4]-ib,x", ["r0n2-ib", "r0n4-ib", "r1n2-ib", "r1n4-ib", "x"]),
        ("127.0.1.[1-3]", ["127.0.1.1", "127.0.1.2", "127.0.1.3"]),
    ],
)
def test_a_list_of_nodes_is_expanded_without_slurms_commands(nodes, names, monkeypatch):
    monkeypatch.setenv("PATH", "")
    count = str(len(names))
    each = {"SLURM_STEP_NUM_TASKS": count, "SLURM_STEP_TASKS_PER_NODE": f"1(x{count})", "SLURM_PROCID": "0"}
    cluster = find_cluster(slurm(SLURM_STEP_NODELIST=nodes, **each))
    assert [address.split(":")[0] for address in cluster.workers] == names


@pytest.mark.parametrize(
    "environment",
    [
        {"TF_CONFIG": "{"},
        {"TF_CONFIG": "[" * 100_000},
        {"TF_CONFIG": '"text"'},
        tf_config(["a:1", "b:1"], 2),
        tf_config(["a:1", "b:1"], -1),
        tf_config(["a:1", "b:1"], True),
        tf_config(["a:1", "b"], 0),
        tf_config(["a:1", 7], 0),
        tf_config(["a:1", "b:1"], 0, kind="ps"),
        {
            "TF_CONFIG": json.dumps(
                {"cluster": {"chief": ["a:1"], "worker": ["b:1"]}, "task": {"type": "worker", "index": 0}}
            )
        },
        slurm(SLURM_PROCID="6"),
        slurm(SLURM_STEP_NODELIST="n[a-b],m"),
        slurm(SLURM_STEP_NODELIST="n[1-3"),
        slurm(SLURM_STEP_NUM_TASKS="5"),
        slurm(SLURM_STEP_TASKS_PER_NODE="6"),
        slurm(SLURM_STEP_TASKS_PER_NODE="2(x)"),
        slurm(SLURM_STEP_TASKS_PER_NODE="17,1(x2)", SLURM_STEP_NUM_TASKS="19"),
        slurm(SLURM_JOB_ID=None),
        slurm(SLURM_PROCID="one"),
    ],
)
def test_what_cannot_be_understood_is_told(environment):
    with pytest.raises(RunError) as caught:
        find_cluster(environment)
    assert "TF_CONFIG" in str(caught.value)
    assert len(str(caught.value)) < 800


@given(count=st.integers(0, 1000), size=st.integers(1, 20))
def test_shares_cover_everything_once_and_are_even(count, size):
    bounds = [share_of(count, i, size) for i in range(size)]
    assert [number for first, last in bounds for number in range(first, last)] == list(range(count))
    lengths = [last - first for first, last in bounds]
    assert max(lengths) - min(lengths) <= 1


def test_only_the_first_worker_is_chief():
    assert [Cluster(("a:1", "b:1"), i).is_chief for i in (0, 1)] == [True, False]


def agreed(*numbers: tuple[int, int]) -> bool:
    """What workers with these numbers conclude from the sum that the collective returns to each."""
    return rows_are_equal(sum(own_row(each, index, len(numbers)) for index, each in enumerate(numbers)))


@given(epoch=st.integers(0, 10**9), step=st.integers(0, 10**9), size=st.integers(2, 16), data=st.data())
def test_workers_agree_if_and_only_if_all_have_the_same_epoch_and_step(epoch, step, size, data):
    same = [(epoch, step)] * size
    assert agreed(*same)
    odd = data.draw(st.integers(0, size - 1))
    other = data.draw(st.sampled_from([(epoch + 1, step), (epoch, step + 1), (step, epoch)]))
    assert agreed(*same[:odd], other, *same[odd + 1 :]) == (other == (epoch, step))


def test_three_workers_late_in_a_run_agree_and_two_that_are_a_step_apart_do_not():
    assert agreed((7, 3), (7, 3), (7, 3))
    assert not agreed((19, 4), (19, 5))
    assert not agreed((19, 4), (20, 4))
