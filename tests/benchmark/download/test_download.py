"""The download against a real S3 server on loopback, over a network that does its worst."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
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
    BLOCK_BYTES,
    PART_BYTES,
    SECONDS_WITHOUT_DATA,
    connect,
    list_split,
)
from benchmark.download.digest import MIB, part_sizes
from benchmark.download.manifest import read_manifest
from benchmark.download.source import BUCKET, PREFIXES, DownloadError, is_scene_path
from benchmark.scenes.scene import discover
from benchmark.training.prepare import find_scenes, use_data
from tests.support.disk import small_disk
from tests.support.ports import free_ports
from tests.support.project import ROOT, program, write_scene_file
from tests.support.s3 import BLOCK, HOST, INFERENCE, S3, TRAINING, Fault, s3_server

DAY = "day/S3A_SL_1_RBT____20191001T100000_20191001T100300_20191002T140000_0179_050_001_0180_LN2_O_NT_003.hdf"
NIGHT = DAY.replace("day/", "night/").replace("T10", "T21")


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client waits a moment before it repeats a request, not many seconds."""
    monkeypatch.setattr("botocore.retryhandler.delay_exponential", lambda **_: 0.01)


@pytest.fixture
def s3(short_pauses: None) -> Iterator[S3]:
    with s3_server() as server:
        yield server


@pytest.fixture
def two_megabytes(tmp_path: Path) -> Iterator[Path]:
    """The root of a file system of 2 MB."""
    with small_disk(tmp_path / "small", "size=2m") as folder:
        yield folder


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_scene_file(tmp_path_factory.mktemp("scene") / "S3A.hdf", (32, 40)).read_bytes()


def stored(s3: S3, scene: bytes) -> dict[str, bytes]:
    """Put four scenes; returns what belongs where below the destination."""
    placed = {}
    for split, prefix in (("training", TRAINING), ("inference", INFERENCE)):
        for n, name in enumerate((DAY, NIGHT)):
            placed[f"{split}/{name}"] = scene + bytes([n, len(split)])
            s3.put(f"{prefix}/{name}", placed[f"{split}/{name}"])
    s3.put(f"{TRAINING}/README.txt", b"no scene")
    return placed


def on_disk(root: Path) -> dict[str, bytes]:
    """The files below ``root``, without the download's own two."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name not in (".download.json", ".download.lock")
    }


def download(s3: S3, root: Path, *arguments: object) -> int:
    return main(["--endpoint", s3.proxy.url, "--dest", str(root), *map(str, arguments)])


@contextlib.contextmanager
def started(s3: S3, root: Path, *arguments: object) -> Iterator[subprocess.Popen]:
    """The real command in a process of its own, killed at the latest when the block ends."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a child ignores what we ignore
    options = ["--endpoint", s3.proxy.url, "--dest", str(root), *map(str, arguments)]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmark.download", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    signal.signal(signal.SIGINT, before)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


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


# ---- interruptions


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_after_a_signal_the_same_command_fetches_only_what_had_not_arrived(s3, tmp_path, kill):
    contents = {f"training/S3A_{n}.hdf": os.urandom(60 * BLOCK + n) for n in range(3)}
    for path, content in contents.items():
        s3.put(f"{TRAINING}/{path.partition('/')[2]}", content)
    s3.proxy.fault = lambda key, n: Fault(slow=0.02)
    with started(s3, tmp_path, "--split", "training", "--jobs", 2) as process:
        s3.proxy.wait_for(80 * BLOCK)
        process.send_signal(kill)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}[kill]
    if kill != signal.SIGKILL:
        assert "what has arrived is kept: run the command again" in said
        assert "Traceback" not in said
    arrived = sum(map(len, on_disk(tmp_path).values()))
    assert 20 * BLOCK < arrived < 180 * BLOCK
    assert not any(len(content) < 60 * BLOCK for path, content in on_disk(tmp_path).items() if "/S3A" in path)
    s3.proxy.wait_until_idle()
    s3.proxy.fault = lambda key, n: Fault()
    s3.proxy.sent.clear()
    assert download(s3, tmp_path, "--split", "training") == 0
    assert on_disk(tmp_path) == contents
    assert s3.proxy.total_sent() == sum(map(len, contents.values())) - arrived


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_download_whose_server_has_fallen_silent(s3, tmp_path, number):
    s3.put(f"{TRAINING}/{DAY}", bytes(10 * BLOCK))
    s3.proxy.fault = lambda key, n: Fault(stall_after=5 * BLOCK)
    with started(s3, tmp_path, "--split", "training") as process:
        s3.proxy.wait_for(5 * BLOCK)
        process.send_signal(number)
        # well before the client gives up on the server by itself
        assert process.wait(timeout=SECONDS_WITHOUT_DATA - 5) == 128 + number


def test_a_second_download_into_the_same_folder_is_refused(s3, tmp_path, capsys):
    s3.put(f"{TRAINING}/{DAY}", bytes(10 * BLOCK))
    s3.proxy.fault = lambda key, n: Fault(stall_after=BLOCK)
    with started(s3, tmp_path, "--split", "training"):
        s3.proxy.wait_for(BLOCK)
        assert download(s3, tmp_path, "--split", "training") == 2
    assert "found:    another download into this folder" in capsys.readouterr().err


# ---- the network at its worst


@pytest.mark.parametrize("orderly", [False, True])
def test_connections_that_break_are_taken_up_where_they_broke(s3, tmp_path, orderly):
    content = os.urandom(20 * BLOCK)
    s3.put(f"{TRAINING}/{DAY}", content)
    s3.proxy.fault = lambda key, n: Fault(cut_after=3 * BLOCK if key else None, orderly=orderly)
    assert download(s3, tmp_path, "--split", "training") == 0
    assert on_disk(tmp_path) == {f"training/{DAY}": content}
    assert s3.proxy.requests[f"{TRAINING}/{DAY}"] >= 7  # more often than ATTEMPTS, each with progress
    assert s3.proxy.total_sent() <= 2 * len(content)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(s3, scene, tmp_path, status):
    placed = stored(s3, scene)
    s3.proxy.fault = lambda key, n: Fault(status=status if n < 2 else None)
    assert download(s3, tmp_path) == 0
    assert on_disk(tmp_path) == placed
    assert s3.proxy.requests[f"{TRAINING}/{DAY}"] == 3


def test_a_file_that_cannot_be_had_is_listed_and_the_others_come(s3, scene, tmp_path, capsys):
    placed = stored(s3, scene)
    broken = f"training/{NIGHT}"
    s3.proxy.fault = lambda key, n: Fault(status=503 if key == f"{TRAINING}/{NIGHT}" else None)
    assert download(s3, tmp_path) == 1
    del placed[broken]
    assert {path: content for path, content in on_disk(tmp_path).items() if content} == placed
    said = capsys.readouterr().err
    assert f"missing: {broken}" in said
    assert f"(reached max retries: {ATTEMPTS - 1}): Service Unavailable" in said
    assert "expected: an answer to an unsigned request" in said
    assert "1 of 4 scenes are missing; run the command again" in said
    assert main(["--dest", str(tmp_path), "--verify"]) == 1
    assert f"missing: {broken} (not fetched yet)" in capsys.readouterr().err


def test_an_object_that_is_forbidden_is_not_asked_for_again(s3, scene, tmp_path, capsys):
    stored(s3, scene)
    s3.client.put_object_acl(Bucket=BUCKET, Key=f"{TRAINING}/{DAY}", ACL="private")
    assert download(s3, tmp_path) == 1
    assert "Forbidden" in capsys.readouterr().err
    assert s3.proxy.requests[f"{TRAINING}/{DAY}"] == 1


def test_bytes_that_change_on_the_way_are_fetched_once_more(s3, scene, tmp_path):
    placed = stored(s3, scene)
    s3.proxy.fault = lambda key, n: Fault(flip_at=1000 if key and n == 0 else None)
    assert download(s3, tmp_path) == 0
    assert on_disk(tmp_path) == placed
    assert s3.proxy.total_sent() == 2 * sum(map(len, placed.values()))


def test_bytes_that_are_always_wrong_are_never_taken_for_a_scene(s3, scene, tmp_path, capsys):
    stored(s3, scene)
    s3.proxy.fault = lambda key, n: Fault(flip_at=1000 if key else None)
    assert download(s3, tmp_path) == 1
    assert on_disk(tmp_path) == {}
    said = capsys.readouterr().err
    assert "found:    bytes of another MD5, in 2 fetches" in said
    assert "4 of 4 scenes are missing" in said


def test_an_object_that_changes_after_it_was_listed_is_reported_and_fetched_next_time(
    s3, scene, tmp_path, capsys
):
    s3.put(f"{TRAINING}/{DAY}", scene)
    newer = scene[::-1]
    s3.proxy.fault = lambda key, n: Fault(before=lambda: key and s3.put(key, newer))
    assert download(s3, tmp_path, "--split", "training") == 1
    assert "found:    changed since it was listed" in capsys.readouterr().err
    assert download(s3, tmp_path, "--split", "training") == 0
    assert on_disk(tmp_path) == {f"training/{DAY}": newer}


def test_an_object_that_changes_between_two_parts_leaves_no_mixture(s3, tmp_path, capsys):
    older, newer = os.urandom(10 * BLOCK), os.urandom(10 * BLOCK)
    s3.put(f"{TRAINING}/{DAY}", older)
    s3.proxy.fault = lambda key, n: Fault(
        cut_after=5 * BLOCK if key and n == 0 else None,
        before=lambda: key and n and s3.put(key, newer),
    )
    assert download(s3, tmp_path, "--split", "training") == 1
    assert "changed since it was listed" in capsys.readouterr().err
    s3.proxy.fault = lambda key, n: Fault()
    assert download(s3, tmp_path, "--split", "training") == 0
    assert on_disk(tmp_path) == {f"training/{DAY}": newer}


def test_an_object_that_vanishes_is_reported(s3, scene, tmp_path, capsys):
    s3.put(f"{TRAINING}/{DAY}", scene)
    s3.proxy.fault = lambda key, n: Fault(
        before=lambda: key and s3.client.delete_object(Bucket=BUCKET, Key=key)
    )
    assert download(s3, tmp_path, "--split", "training") == 1
    assert "found:    no longer there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("forgotten", "found"),
    [
        (("Range", "If-Match"), "found:    range None of ETag"),
        (("If-Match",), "found:    range bytes 0-9/10 of ETag"),
    ],
)
def test_a_server_that_ignores_conditions_is_not_believed(s3, scene, tmp_path, capsys, forgotten, found):
    s3.put(f"{TRAINING}/{DAY}", scene)
    s3.proxy.fault = lambda key, n: Fault(forget=forgotten, before=lambda: key and s3.put(key, b"0123456789"))
    assert download(s3, tmp_path, "--split", "training") == 1
    assert found in capsys.readouterr().err
    assert f"training/{DAY}" not in on_disk(tmp_path)


@pytest.mark.parametrize("size", [9, 11])
def test_an_object_whose_size_differs_from_the_listing_is_reported(s3, tmp_path, capsys, size):
    s3.put(f"{TRAINING}/{DAY}", b"0123456789")
    s3.proxy.fault = lambda key, n: Fault(replace=(b"<Size>10</Size>", b"<Size>%d</Size>" % size))
    assert download(s3, tmp_path, "--split", "training") == 1
    said = capsys.readouterr().err
    assert "found:    range bytes 0-" in said
    assert f"expected: bytes 0-{size - 1}/{size} of" in said
    assert f"training/{DAY}" not in on_disk(tmp_path)


def test_a_newer_object_replaces_the_file_of_the_older_one(s3, scene, tmp_path):
    s3.put(f"{TRAINING}/{DAY}", scene)
    assert download(s3, tmp_path, "--split", "training") == 0
    s3.put(f"{TRAINING}/{DAY}", scene[:-1])
    assert download(s3, tmp_path, "--split", "training") == 0
    assert on_disk(tmp_path) == {f"training/{DAY}": scene[:-1]}


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


# ---- verification


def test_verification_finds_a_changed_byte_a_short_and_a_missing_file(s3, scene, tmp_path, capsys):
    placed = sorted(stored(s3, scene))
    assert download(s3, tmp_path) == 0
    verification = ["--verify", "--dest", str(tmp_path), "--endpoint", f"http://{HOST}:{free_ports(1)[0]}"]
    assert main(verification) == 0
    assert "4 of 4 scenes as listed" in capsys.readouterr().out
    changed, short, missing = (tmp_path / path for path in placed[:3])
    content = bytearray(changed.read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    short.write_bytes(scene[:100])
    missing.unlink()
    assert main(verification) == 1
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        f"differs: {placed[0]}: found MD5 {hashlib.md5(content).hexdigest()}, "
        f"expected {read_manifest(tmp_path)[placed[0]].md5}",
        f"differs: {placed[1]}: found 100 bytes, expected {len(scene) + 2}",
        f"missing: {placed[2]}",
    ]
    assert "1 of 4 scenes as listed" in said.out
    changed.unlink()
    assert download(s3, tmp_path) == 0
    assert main([*verification, "--split", "training"]) == 0
    assert "2 of 2 scenes as listed" in capsys.readouterr().out


def test_verification_says_of_a_file_that_nobody_compared_it(s3, scene, tmp_path, capsys):
    s3.put(f"{TRAINING}/{DAY}", scene)
    s3.proxy.fault = lambda key, n: Fault(status=403 if key else None)
    assert download(s3, tmp_path, "--split", "training") == 1
    (tmp_path / "training" / DAY).write_bytes(scene)
    assert main(["--verify", "--dest", str(tmp_path)]) == 1
    assert f"unknown: training/{DAY}: not compared with the server's yet" in capsys.readouterr().err


def test_verification_without_a_list_says_how_to_get_one(tmp_path, capsys):
    assert main(["--verify", "--dest", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "found:    no list of training and inference scenes" in said
    assert "run without --verify" in said


def listing(path: str, **changes: object) -> str:
    entry = {"key": "k", "size": 1, "etag": "e", **changes}
    return json.dumps({"format": "cloudmask-download-1", "files": {path: entry}})


def test_the_plainest_list_is_read(tmp_path):
    (tmp_path / ".download.json").write_text(listing("training/S3A_x.hdf"))
    assert [*read_manifest(tmp_path)] == ["training/S3A_x.hdf"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format": "other", "files": {}}',
        '{"format": "cloudmask-download-1"}',
        listing("training/../../S3A_x.hdf"),
        listing("/training/S3A_x.hdf"),
        listing("elsewhere/S3A_x.hdf"),
        listing("training/S3A_x.hdf", size=-1),
        listing("training/S3A_x.hdf", md5=1),
        listing("training/S3A_x.hdf", new=1),
    ],
)
def test_a_list_that_is_damaged_or_hostile_is_refused(tmp_path, text):
    (tmp_path / ".download.json").write_text(text)
    with pytest.raises(DownloadError) as refused:
        read_manifest(tmp_path)
    assert refused.value.found.startswith("not readable as a list of downloads")
    assert "complete files are kept" in refused.value.remedy


# ---- disks


def test_a_disk_without_room_is_refused_before_anything_is_fetched(s3, tmp_path, capsys):
    s3.put(f"{TRAINING}/{DAY}", b"0123456789")
    s3.proxy.fault = lambda key, n: Fault(replace=(b"<Size>10</Size>", b"<Size>%d</Size>" % 10**18))
    assert download(s3, tmp_path, "--split", "training") == 2
    said = capsys.readouterr().err
    assert "GB free" in said
    assert "expected: 1e+09 GB for what is missing (180 GB for the complete dataset)" in said
    assert "fetch less: --split, --limit" in said
    assert s3.proxy.total_sent() == 0


def four_scenes(s3: S3) -> dict[str, bytes]:
    contents = {f"S3A_{n}.hdf": os.urandom(10 * BLOCK) for n in range(4)}
    for name, content in contents.items():
        s3.put(f"{TRAINING}/{name}", content)
    return contents


def test_a_file_that_the_system_refuses_ends_the_download_and_the_next_one_continues_it(s3, tmp_path):
    contents = four_scenes(s3)
    s3.proxy.fault = lambda key, n: Fault(slow=0.05)
    with started(s3, tmp_path, "--split", "training", "--jobs", 1) as process:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (8 * BLOCK, resource.RLIM_INFINITY))
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "found:    File too large" in said
    assert "4 of 4 scenes are missing; run the command again" in said
    s3.proxy.wait_until_idle()
    s3.proxy.sent.clear()
    s3.proxy.fault = lambda key, n: Fault()
    assert download(s3, tmp_path, "--split", "training") == 0
    assert {path.name: path.read_bytes() for path in discover(tmp_path)} == contents
    assert s3.proxy.total_sent() == 32 * BLOCK  # of the first only what the system had refused


def test_a_full_disk_ends_the_download_which_continues_once_there_is_room(s3, two_megabytes, capsys):
    contents = four_scenes(s3)
    filler = two_megabytes / "filler"
    s3.proxy.fault = lambda key, n: Fault(
        before=lambda: key and not filler.exists() and filler.write_bytes(bytes(1_200_000))
    )
    assert download(s3, two_megabytes, "--split", "training", "--jobs", 1) == 1
    said = capsys.readouterr().err
    assert "found:    No space left on device" in said
    assert "free space, fix the folder's permissions" in said
    assert "scenes are missing; run the command again" in said
    filler.unlink()
    s3.proxy.fault = lambda key, n: Fault()
    assert download(s3, two_megabytes, "--split", "training") == 0
    assert {path.name: path.read_bytes() for path in discover(two_megabytes)} == contents
    assert s3.proxy.total_sent() <= 40 * BLOCK + BLOCK_BYTES


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
