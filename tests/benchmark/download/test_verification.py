"""Scenes that were downloaded are compared with the list of the download."""

from __future__ import annotations

import hashlib
import json

import pytest

from benchmark.download.__main__ import main
from benchmark.download.manifest import read_manifest
from benchmark.download.source import DownloadError
from tests.support.surroundings.downloads import DAY, download, stored
from tests.support.surroundings.ports import free_ports
from tests.support.surroundings.s3 import HOST, TRAINING, Fault

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
