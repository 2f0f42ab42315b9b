"""The download over a network that does its worst, interrupted, and onto disks that are full."""

from __future__ import annotations

import os
import resource
import signal

import pytest

from benchmark.download.__main__ import main
from benchmark.download.bucket import (
    ATTEMPTS,
    BLOCK_BYTES,
    SECONDS_WITHOUT_DATA,
)
from benchmark.download.source import BUCKET
from benchmark.scenes.scene import discover
from tests.support.surroundings.downloads import DAY, NIGHT, download, on_disk, started, stored
from tests.support.surroundings.s3 import BLOCK, S3, TRAINING, Fault

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
