"""The download against a real S3 server on loopback: what arrives, and what is refused."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.config.files import config_path, load_config
from benchmark.core.display import Display
from benchmark.download.__main__ import main
from benchmark.download.bucket import (
    ATTEMPTS,
    PART_BYTES,
    connect,
    list_split,
)
from benchmark.download.digest import MIB, part_sizes
from benchmark.download.manifest import read_manifest
from benchmark.download.source import BUCKET, PREFIXES, is_scene_path
from benchmark.scenes.scene import discover
from benchmark.training.prepare import find_scenes, use_data
from tests.support.project import ROOT, program
from tests.support.surroundings.downloads import DAY, NIGHT, download, on_disk, stored
from tests.support.surroundings.ports import free_ports
from tests.support.surroundings.s3 import BLOCK, HOST, INFERENCE, TRAINING, Fault

# ---- the whole of it


def test_both_splits_arrive_byte_by_byte_and_a_run_finds_them(s3, scene, tmp_path, capsys):
    placed = stored(s3, scene)
    assert download(s3, tmp_path / "data") == 0
    assert on_disk(tmp_path / "data") == placed
    entries = read_manifest(tmp_path / "data")
    assert {path: (e.size, e.etag, e.md5, e.verified) for path, e in entries.items()} == {
        path: (len(content), *[hashlib.md5(content).hexdigest()] * 2, "md5")
        for path, content in placed.items()
    }
    said = capsys.readouterr().out
    assert "4 of 4 scenes complete" in said
    names = sorted(Path(path).stem for path in placed if path.startswith("inference/"))
    digest = hashlib.sha256("".join(f"{name}\n" for name in names).encode()).hexdigest()
    assert f"inference set: {len(names)} scenes, names of sha256 {digest}" in said
    config = use_data(load_config(config_path("reference"), []), tmp_path / "data")
    training, inference = find_scenes(config, Display())
    assert [path.relative_to(tmp_path / "data").as_posix() for path in (*training, *inference)] == [
        *(f"training/{name}" for name in (DAY, NIGHT)),
        *(f"inference/{name}" for name in (DAY, NIGHT)),
    ]


def test_the_default_folder_is_where_the_reference_configuration_looks(s3, scene, tmp_path):
    stored(s3, scene)
    done = program("benchmark.download", "--endpoint", s3.proxy.url, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    data = load_config(config_path("reference"), []).data
    assert [len(discover(tmp_path / folder)) for folder in (data.training, data.inference)] == [2, 2]


def test_a_second_download_asks_for_no_object(s3, scene, tmp_path, capsys):
    stored(s3, scene)
    assert download(s3, tmp_path) == 0
    before = s3.proxy.total_sent()
    assert download(s3, tmp_path) == 0
    assert s3.proxy.total_sent() == before
    assert "4 of 4 scenes are there" in capsys.readouterr().out


def test_files_that_another_tool_fetched_are_compared_and_kept(s3, scene, tmp_path):
    placed = stored(s3, scene)
    intact, damaged = sorted(placed)[:2]
    for path, content in ((intact, placed[intact]), (damaged, b"x" * len(placed[damaged]))):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    assert download(s3, tmp_path) == 0
    assert on_disk(tmp_path) == placed
    assert s3.proxy.requests[f"{INFERENCE}/{DAY}"] == 0
    assert s3.proxy.sent[f"{INFERENCE}/{NIGHT}"] == len(placed[damaged])


def test_one_split_and_a_limit_fetch_no_more(s3, scene, tmp_path):
    placed = stored(s3, scene)
    assert download(s3, tmp_path / "one", "--split", "inference") == 0
    assert set(on_disk(tmp_path / "one")) == {path for path in placed if path.startswith("inference")}
    assert download(s3, tmp_path / "two", "--limit", 1) == 0
    assert set(on_disk(tmp_path / "two")) == {f"training/{DAY}", f"inference/{DAY}"}
    assert download(s3, tmp_path / "two", "--limit", 9) == 0
    assert on_disk(tmp_path / "two") == placed


@pytest.mark.parametrize("jobs", [1, 3])
def test_as_many_files_come_at_once_as_jobs(s3, tmp_path, jobs):
    for n in range(6):
        s3.put(f"{TRAINING}/S3A_{n}.hdf", bytes(4 * BLOCK))
    s3.proxy.fault = lambda key, n: Fault(slow=0.05)
    assert download(s3, tmp_path, "--split", "training", "--jobs", jobs) == 0
    assert s3.proxy.most_at_once == jobs


def test_the_names_of_older_copies_are_tried_next(s3, scene, tmp_path):
    s3.put(f"{PREFIXES['training'][1]}/{DAY}", scene)
    s3.put(f"{PREFIXES['inference'][1]}/{NIGHT}", scene)
    assert download(s3, tmp_path) == 0
    assert on_disk(tmp_path) == {f"training/{DAY}": scene, f"inference/{NIGHT}": scene}


def test_listings_of_several_pages_are_read_to_their_end(s3):
    for n in range(1001):
        s3.put(f"{TRAINING}/S3A_{n:04d}.hdf", b"")
    files, invalid = list_split(connect(s3.proxy.url, 1), "training")
    assert [file.path for file in files] == [f"training/S3A_{n:04d}.hdf" for n in range(1001)]
    assert invalid == []
    assert s3.proxy.requests[""] == 2


# ---- ETags of several parts


@pytest.mark.parametrize(
    ("sizes", "verified"),
    [
        ([8 * MIB, 8 * MIB, 2 * MIB + 1], "parts"),
        ([5 * MIB, 7], "parts"),
        ([6 * MIB, 6 * MIB], "parts"),
        ([5 * MIB + 512, 3], "size"),
    ],
)
def test_the_part_size_of_an_upload_is_found_or_said_to_be_unknown(s3, tmp_path, capsys, sizes, verified):
    rng = np.random.default_rng(1)
    parts = [rng.bytes(size) for size in sizes]
    etag = s3.put_in_parts(f"{TRAINING}/{DAY}", parts)
    assert etag.endswith(f"-{len(parts)}")
    assert download(s3, tmp_path, "--split", "training") == 0
    assert on_disk(tmp_path) == {f"training/{DAY}": b"".join(parts)}
    assert read_manifest(tmp_path)[f"training/{DAY}"].verified == verified
    says_so = "1 of them by their size only" in capsys.readouterr().out
    assert says_so == (verified == "size")
    assert download(s3, tmp_path, "--split", "training", "--verify") == 0
    # an object larger than one request asks for comes by several
    assert s3.proxy.requests[f"{TRAINING}/{DAY}"] == -(-sum(sizes) // PART_BYTES)


@given(st.integers(1, 1 << 40), st.integers(1, 10_000))
def test_part_sizes_cut_an_object_into_just_as_many_parts(size, parts):
    assert all(-(-size // part) == parts for part in part_sizes(size, parts))


@given(st.integers(1, 10_000), st.sampled_from([5, 8, 15, 16, 32, 64, 128]), st.integers(1, 5 * MIB))
def test_usual_part_sizes_are_always_tried(parts, part, last):
    assert part * MIB in part_sizes((parts - 1) * part * MIB + last, parts)


# ---- names that would leave the folder


HOSTILE = (
    "../S3A_up.hdf",
    "day/../../../S3A_up.hdf",
    "/etc/S3A_absolute.hdf",
    ".hidden/S3A_x.hdf",
    "a//S3A_x.hdf",
    "day/S3A_\n.hdf",
    "day/S3A_\x1b[31m.hdf",
    "day\\..\\S3A_x.hdf",
    "~/S3A_x.hdf",
    "S3A_" + "x" * 300 + ".hdf",
    "day/S3A_ü.hdf",
)


def test_hostile_names_are_skipped_and_reported(s3, scene, tmp_path, capsys):
    s3.put(f"{TRAINING}/{DAY}", scene)
    for name in HOSTILE:
        s3.put(f"{TRAINING}/{name}", b"hostile")
    root = tmp_path / "a" / "b" / "c"
    assert download(s3, root, "--split", "training") == 0
    assert on_disk(tmp_path / "a") == {
        "b/c/training/" + DAY: scene,
    }
    assert f"skipped {len(HOSTILE)} object names that are not valid paths" in capsys.readouterr().out


@given(
    st.one_of(
        st.text(),
        st.lists(st.sampled_from(["..", ".", "", "day", "S3A_x.hdf", "S3A..hdf", "~", "\\"])).map("/".join),
        st.from_regex(r"(\w{0,3}[./]){0,4}S3A.{0,5}\.hdf", fullmatch=True),
    )
)
def test_accepted_names_stay_below_the_folder_and_are_scenes(name):
    if is_scene_path(name):
        parts = name.split("/")
        assert os.path.normpath(f"/dest/{name}") == f"/dest/{name}"
        assert not any(part.startswith(".") for part in parts)
        assert Path(parts[-1]).match("S3A*.hdf")
        assert name.isascii()
        assert name.isprintable()
    assert is_scene_path(DAY)


# ---- what cannot begin


def test_without_a_server_the_remedy_names_mirrors_and_synthetic_scenes(tmp_path, capsys, short_pauses):
    url = f"http://{HOST}:{free_ports(1)[0]}"
    assert main(["--endpoint", url, "--dest", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"error: {url}: bucket sciml-datasets" in said
    assert f'Could not connect to the endpoint URL: "{url}' in said
    assert f"({ATTEMPTS} attempts)" in said
    assert "--endpoint URL asks another server" in said
    assert "embedded synthetic scenes" in said


@pytest.mark.parametrize(
    ("endpoint", "found"),
    [("nonsense", "Invalid endpoint: nonsense"), ("http://a b", "Invalid endpoint: http://a b")],
)
def test_an_endpoint_that_is_no_url_is_refused(tmp_path, capsys, endpoint, found):
    assert main(["--endpoint", endpoint, "--dest", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"found:    {found}" in said
    assert "expected: a URL such as https://s3.echo.stfc.ac.uk" in said


def test_a_bucket_without_scenes_is_reported_with_the_names_that_were_tried(s3, tmp_path, capsys):
    assert download(s3, tmp_path, "--split", "inference") == 2
    assert (
        "found:    no scene below es/cloud_slstr_ds1/inference or es/cloud_slstr_ds1/ssts"
        in capsys.readouterr().err
    )


def test_a_missing_bucket_is_reported(s3, tmp_path, capsys):
    s3.client.delete_bucket(Bucket=BUCKET)
    assert download(s3, tmp_path) == 2
    assert "NoSuchBucket" in capsys.readouterr().err


def test_an_unwritable_destination_is_reported(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main(["--dest", str(tmp_path / "file" / "data")]) == 2
    said = capsys.readouterr().err
    assert "found:    Not a directory" in said
    assert "choose another with --dest" in said


@pytest.mark.parametrize(
    "arguments", [("--limit", "0"), ("--jobs", "-1"), ("--jobs", "two"), ("--split", "x")]
)
def test_wrong_usage_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    assert end.value.code == 2
    assert f"argument {arguments[0]}" in capsys.readouterr().err


def test_help_and_verification_load_neither_the_client_nor_tensorflow(tmp_path):
    code = f"""
import sys
from benchmark.download.__main__ import main
assert main(["--verify", "--dest", {str(tmp_path)!r}]) == 2
assert not {{"boto3", "botocore", "tensorflow"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ---- progress


def test_a_log_file_gets_a_line_for_every_tenth_with_rate_and_time_left(capsys):
    with Display().transfer("downloading", 2_000_000, 10_000_000) as advance:
        for _ in range(80):
            advance(100_000)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" GB, ")[0] for line in lines] == [
        f"downloading: {tenth / 1000:.3g} of 0.01" for tenth in range(3, 11)
    ]
    assert all(" MB/s, " in line and line.endswith(" left") for line in lines)
