"""A submission as a tar: judged before it is unpacked, and then as the tree that it holds."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance import checker, registry
from compliance.check import main
from compliance.checker import check_paths
from compliance.rules import RULE_BY_ID
from compliance.selection import Selection
from compliance.subjects.trees import archive as archive_read
from compliance.subjects.trees.archive import ArchiveDefect, read_archive, unpack
from tests.support.logs.hand_logs import COMPLETED, with_value

Change = Callable[[tarfile.TarInfo], None]


def entry(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = 0o644
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def packed(path: Path, *entries: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for info, content in entries:
            tar.addfile(info, io.BytesIO(content))
    return path


LOG = entry("runs/a-seed-1/result.txt", COMPLETED.encode())
FOLDER = entry("runs", type=tarfile.DIRTYPE, mode=0o755)


def found(path: Path) -> list[tuple[str, str]]:
    return [(each.rule, each.found) for each in check_paths([path]).findings if each.rule.startswith("tar-")]


@pytest.mark.parametrize(("suffix", "mode"), [(".tar", "w"), (".tgz", "w:gz"), (".tar.xz", "w:xz")])
def test_what_is_in_a_tar_is_checked_and_named_after_it(tmp_path: Path, suffix: str, mode: str) -> None:
    wrong = entry("runs/a-seed-2/result.txt", with_value(COMPLETED, "submission_division", "closed").encode())
    path = packed(tmp_path / f"bundle{suffix}", FOLDER, LOG, wrong, mode=mode)
    report = check_paths([path])
    assert report.archives == (str(path),)
    assert [log.path for log in report.logs] == [f"{path}!/runs/a-seed-{n}/result.txt" for n in (1, 2)]
    (division,) = [each for each in report.findings if each.rule == "division-open"]
    assert division.path == f"{path}!/runs/a-seed-2/result.txt"
    assert not [each for each in report.findings if tempfile.gettempdir() in each.path.partition("!")[2]]


BROKEN = {
    "tar-names": [
        (entry("/etc/passwd"), "`/etc/passwd`: absolute"),
        (entry("C:/x"), "`C:/x`: absolute"),
        (entry("runs/../../x"), "`runs/../../x`: leads upwards"),
        (entry("runs/a\\b"), "`runs/a\\b`: a backslash"),
        (entry("runs/a\nb"), "`runs/a\\nb`: a character that does not print"),
        (entry(f"runs/{'a' * 256}"), f"`runs/{'a' * 55}…`: too long"),
        (entry(f"{'a/' * 32}a"), f"`{'a/' * 30}…`: too deep"),
        (entry("./"), "`./`: the name of no file"),
    ],
    "tar-kinds": [
        (entry("runs/x", type=tarfile.SYMTYPE, linkname="/etc"), "`runs/x` is a symbolic link to `/etc`"),
        (
            entry("runs/x", type=tarfile.LNKTYPE, linkname="../../y"),
            "`runs/x` is a hard link to `../../y`",
        ),
        (entry("runs/x", type=tarfile.CHRTYPE), "`runs/x` is a device"),
        (entry("runs/x", type=tarfile.FIFOTYPE), "`runs/x` is a pipe"),
        (entry("runs/x", type=b"Z"), "`runs/x` is a member of unknown kind"),
        (
            entry("runs/x", pax_headers={"GNU.sparse.map": "0,0", "GNU.sparse.size": "9"}),
            "`runs/x` is a sparse file",
        ),
    ],
    "tar-twice": [
        (LOG, "`runs/a-seed-1/result.txt` 2 times"),
        (
            entry("runs/a-seed-1/Result.txt", b"x"),
            "`runs/a-seed-1/Result.txt` and `runs/a-seed-1/result.txt`",
        ),
        (entry("RUNS/a-seed-2/result.txt", b"x"), "`RUNS` and `runs`"),
        (entry("RUNS", type=tarfile.DIRTYPE), "`RUNS` and `runs`"),
        (entry("runs/a-seed-1"), "`runs/a-seed-1` as file and folder"),
        (entry("./runs/a-seed-1/result.txt"), "`runs/a-seed-1/result.txt` 2 times"),
    ],
    "tar-modes": [(entry("runs/x", mode=0o4755), "`runs/x`: mode 4755")],
    "tar-owners": [(entry("runs/x", uname="jane"), "`jane`")],
    "tar-one-folder": [(entry("x"), "`runs` and `x`")],
}
CASES = [(rule, member, said) for rule, cases in BROKEN.items() for member, said in cases]


@pytest.mark.parametrize(("rule", "member", "said"), CASES, ids=[f"{c[0]}-{n}" for n, c in enumerate(CASES)])
def test_a_hostile_member_is_found_and_nothing_is_unpacked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rule: str,
    member: tuple[tarfile.TarInfo, bytes],
    said: str,
) -> None:
    unpacked = []
    monkeypatch.setattr(checker, "unpack", lambda archive, folder: unpacked.append(archive))
    path = packed(tmp_path / "bundle.tar.gz", LOG, member)
    assert (rule, said) in found(path)
    assert bool(unpacked) is (RULE_BY_ID[rule].severity == "warning")


def test_ignoring_a_rule_unpacks_nothing_that_is_unsafe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(tmp_path / "bundle.tar", LOG, entry("../x", b"x"), mode="w")
    monkeypatch.chdir(tmp_path)
    assert main([str(path), "--ignore", "tar-*"]) == 0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bundle.tar"]


def test_every_rule_on_tars_is_applied_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scopes = []
    run = registry.run
    monkeypatch.setattr(registry, "run", lambda scope, *rest: scopes.append(scope) or run(scope, *rest))
    check_paths([packed(tmp_path / "bundle.tar", LOG, mode="w")])
    assert scopes == ["tar", "log", "set"]


def test_what_is_in_a_tar_is_named_after_it_in_every_text_of_a_finding(tmp_path: Path) -> None:
    copy = entry("runs/a-seed-2/result.txt", COMPLETED.encode())
    path = packed(tmp_path / "bundle.tar", LOG, copy, mode="w")
    (same,) = [each for each in check_paths([path]).findings if each.rule == "set-identical-logs"]
    assert (same.path, same.found) == (
        f"{path}!/runs/a-seed-2/result.txt",
        f"a copy of {path}!/runs/a-seed-1/result.txt",
    )
    (failure,) = check_paths([packed(tmp_path / "a.tar", entry("runs/notes.md"), mode="w")]).failures
    assert failure.where == f"{tmp_path}/a.tar!/runs"
    assert failure.found == f"no log in or below {tmp_path}/a.tar!/runs"


def test_an_ignored_rule_on_tars_is_not_reported_and_a_severity_is_the_chosen_one(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.tar", LOG, entry("x", uname="jane"), mode="w")
    rules = Selection(ignore=("tar-owners",), severities={"tar-one-folder": "note"}).rule_sets()
    found = [each for each in check_paths([path], rules).findings if each.rule.startswith("tar-")]
    assert [(each.rule, each.severity) for each in found] == [("tar-one-folder", "note")]


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = entry("runs/zeros", b"\0" * 11_000_000)
    (said,) = [said for rule, said in found(packed(tmp_path / "a.tgz", LOG, zeros)) if rule == "tar-ratio"]
    assert said.startswith("11")
    monkeypatch.setattr(archive_read, "UNPACKED_BYTES", 10**6)
    assert ("tar-readable", "`more than 1000000 bytes unpacked` after 1 members") in found(tmp_path / "a.tgz")
    monkeypatch.setattr(archive_read, "MEMBERS", 1)
    several = packed(tmp_path / "b.tgz", LOG, FOLDER)
    assert ("tar-readable", "`more than 1 members` after 1 members") in found(several)


END = bytes(2 * tarfile.BLOCKSIZE)


def header(name: str, **fields: object) -> bytes:
    info, _ = entry(name, **fields)
    return info.tobuf(tarfile.GNU_FORMAT)


def for_all_members(**records: str) -> bytes:
    return tarfile.TarInfo.create_pax_global_header(records)


def claiming(size: int, head: bytes) -> bytes:
    """A header that claims a size, with its checksum."""
    field = (size % 2**96).to_bytes(12, "big") if size < 0 else b"\x80" + size.to_bytes(11, "big")
    unsigned = head[:124] + field + head[136:148] + b" " * 8 + head[156:]
    return unsigned[:148] + b"%06o\0 " % sum(unsigned) + unsigned[156:]


LONG_NAME = {"type": tarfile.GNUTYPE_LONGNAME}
#: Later versions of Python refuse a negative size themselves.
NEGATIVE = ("more than 1000000000 bytes unpacked", "an extended header of -512 bytes", "invalid offset")
HEADERS = {
    "gigabytes": (
        header("x", type=tarfile.XHDTYPE, size=2**31) + bytes(4_000_000),
        "an extended header of 2147483648 bytes",
    ),
    "negative": (claiming(-512, header("x")) + END, NEGATIVE),
    "negative name": (claiming(-512, header("x", **LONG_NAME)) + END, NEGATIVE),
    "endless": (
        claiming(2**60, header("x", type=tarfile.GNUTYPE_SPARSE)) + END,
        "more than 16777216 bytes that are not contents of files",
    ),
    "nested": (header("x", **LONG_NAME) * 2000 + header("y") + END, "maximum recursion depth exceeded"),
    "garbage": (header("a") + b"garbage " * 64 + header("../b") + END, "an invalid header"),
    "cut header": (header("a") + header("b")[:300], "cut: its end is missing"),
    "no end": (header("a") + header("b"), "cut: its end is missing"),
    "second tar": (header("a") + END + header("../b") + END, "more behind its end"),
    "one empty block": (header("a") + bytes(512) + header("../b") + END, "more behind its end"),
    "zeros": (header("a") + bytes(20_000_000), "more than 16777216 bytes that are not contents of files"),
    "renames all": (
        for_all_members(path="../b") + header("a") + END,
        "a header for all members that is more than a comment",
    ),
}


@pytest.mark.parametrize(("content", "defect"), HEADERS.values(), ids=HEADERS)
def test_a_header_that_readers_understand_differently_ends_the_reading(
    tmp_path: Path, content: bytes, defect: str | tuple[str, ...]
) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(content))
    archive = read_archive(path)
    assert (archive.defect or "").startswith(defect)
    assert "../b" not in {member.name for member in archive.members}


def test_a_comment_for_all_members_is_harmless(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(for_all_members(comment="f00") + header("a") + END)
    archive = read_archive(path)
    assert ([member.name for member in archive.members], archive.defect) == (["a"], None)


#: A dictionary that takes 128 MiB when it is read.
LARGE = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**27, "mf": lzma.MF_HC3}]


@pytest.mark.parametrize(
    ("change", "defect"),
    [
        (lambda content: content[:-20], "cut: its end is missing"),
        (lambda content: content + b"more", "more behind its end"),
        (lambda content: content + content, "more behind its end"),
        (
            lambda content: lzma.compress(lzma.decompress(content), filters=LARGE),
            "Memory usage limit exceeded",
        ),
    ],
    ids=["cut", "more", "two streams", "large dictionary"],
)
def test_a_damaged_or_greedy_xz_is_found(
    tmp_path: Path, change: Callable[[bytes], bytes], defect: str
) -> None:
    path = packed(tmp_path / "a.tar.xz", LOG, mode="w:xz")
    assert read_archive(path).defect is None
    path.write_bytes(change(path.read_bytes()))
    assert read_archive(path).defect == defect


def test_a_damaged_tar_is_found(tmp_path: Path) -> None:
    whole = packed(tmp_path / "whole.tar.gz", LOG).read_bytes()
    damages = {
        "cut": whole[:-20],
        "flipped": whole[:-6] + bytes([whole[-6] ^ 1]) + whole[-5:],
        "text": b"hello",
    }
    for name, content in damages.items():
        path = tmp_path / f"{name}.tar.gz"
        path.write_bytes(content)
        assert [rule for rule, _ in found(path)] == ["tar-readable"], name
    empty = packed(tmp_path / "empty.tar.gz")
    assert found(empty) == [("tar-readable", "no members")]


def test_a_tar_that_changes_between_judging_and_unpacking_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.tar", LOG, mode="w")
    archive = read_archive(path)
    packed(path, LOG, entry("../x", b"x"), mode="w")
    (tmp_path / "inside").mkdir()
    with pytest.raises(ArchiveDefect, match="changed"):
        unpack(archive, tmp_path / "inside")
    assert not (tmp_path / "x").exists()


def test_a_file_of_another_kind_is_a_tar_where_it_is_said(tmp_path: Path) -> None:
    path = packed(tmp_path / "bundle.download", LOG)
    assert main([str(path), "--kind", "tar"]) == 0
    assert main([str(path)]) == 1
    assert main([str(tmp_path), "--kind", "tar"]) == 2
    (failure,) = check_paths([path], kind="tree").failures
    assert (failure.found, failure.expected) == ("a file", "the folder of a tree")


@given(st.binary(max_size=3000))
def test_any_bytes_are_judged(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tar"
        path.write_bytes(content)
        report = check_paths([path])
        assert report.exit_code == 1
        assert "rule-crashed" not in {each.rule for each in report.findings}


@given(st.data())
def test_a_changed_tar_is_judged_and_nothing_is_written_outside(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = packed(Path(folder) / "a.tar", FOLDER, LOG, mode="w")
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, 1600))] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        report = check_paths([path])
        assert "rule-crashed" not in {each.rule for each in report.findings}
        assert os.listdir(folder) == ["a.tar"]
