"""The archive, its signature, and the list of licences."""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark import ROOT
from benchmark.core.errors import SubmissionError
from benchmark.core.files import sha256_of
from submission import package as packager
from submission.bundle.archive import manifest_text, sign, signature_path, signed_by, write_archive
from submission.bundle.licences import Locked, declared_licence, licence_list, locked_packages
from tests.support.runs.checkout import git, make_checkout
from tests.support.runs.hand_runs import make_place, write_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what a bundle can hold: files, a script, a folder, a link, and a name of two bytes."""
    folder = tmp_path / "folder"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "run.sh").write_text("#!/bin/sh\n")
    (folder / "b" / "run.sh").chmod(0o700)
    (folder / "a.txt").write_text("a\n")
    (folder / "é.txt").write_text("e\n")
    (folder / "link").symlink_to("a.txt")
    return folder


# ---- the archive


def test_the_same_files_give_the_same_bytes_whatever_their_times_owners_and_order(
    folder: Path, tmp_path: Path
) -> None:
    first = write_archive(folder, tmp_path / "1.tar.gz", name="bundle", time=1_700_000_000)
    other = tmp_path / "other"
    other.mkdir()
    for path in sorted(folder.rglob("*"), reverse=True):
        target = other / path.relative_to(folder)
        target.parent.mkdir(exist_ok=True)
        if path.is_symlink():
            target.symlink_to(path.readlink())
        elif path.is_file():
            shutil.copy(path, target)
            os.utime(target, (1, 1))
    (other / "b" / "run.sh").chmod(0o777)
    assert write_archive(other, tmp_path / "2.tar.gz", name="bundle", time=1_700_000_000) == first
    assert write_archive(other, tmp_path / "3.tar.gz", name="bundle", time=1_700_000_001) != first


def test_plain_tar_opens_the_archive_and_finds_everything(folder: Path, tmp_path: Path) -> None:
    write_archive(folder, tmp_path / "1.tar.gz", name="bundle", time=7)
    subprocess.run(["tar", "-xzf", "1.tar.gz"], cwd=tmp_path, check=True)
    unpacked = tmp_path / "bundle"
    assert manifest_text(unpacked) == manifest_text(folder)
    assert (unpacked / "link").readlink() == Path("a.txt")
    assert (unpacked / "b" / "run.sh").stat().st_mode & 0o777 == 0o755
    with tarfile.open(tmp_path / "1.tar.gz") as archive:
        assert [member.name for member in archive] == [
            *("bundle", "bundle/a.txt", "bundle/b", "bundle/link", "bundle/é.txt", "bundle/b/run.sh")
        ]


def test_the_head_of_the_archive_holds_no_time_and_no_name(folder: Path, tmp_path: Path) -> None:
    write_archive(folder, tmp_path / "1.tar.gz", name="bundle", time=7)
    head = (tmp_path / "1.tar.gz").read_bytes()[:10]
    assert (head[3], head[4:8]) == (0, bytes(4))


def test_the_bundle_made_twice_has_one_sha256(tmp_path: Path) -> None:
    place = tmp_path / "place"
    make_checkout(place)
    shutil.copyfile(ROOT / "requirements.lock", place / "requirements.lock")
    git(place, "commit", "--quiet", "--all", "--message", "Lock")
    write_run(place / "logs", 1, git(place, "rev-parse", "HEAD"))
    made = []
    for name in ("one", "two"):
        packager.package(packager.Options([place / "logs"], tmp_path / name, checkout=place))
        (archive,) = (tmp_path / name).glob("*.tar.gz")
        made.append(sha256_of(archive))
    assert made[0] == made[1]


def test_upstreams_repository_check_says_that_all_checks_passed(tmp_path: Path) -> None:
    pytest.importorskip("mlperf_logging.repo_checker")
    make_place(tmp_path / "place")
    root = packager.package(
        packager.Options([tmp_path / "place/logs"], tmp_path / "dist", checkout=tmp_path / "place")
    )
    command = [sys.executable, "-m", "mlperf_logging.repo_checker", str(root), "hpc", "3.0.0"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert "ALL CHECKS PASSED." in said
    assert "ERROR" not in said


# ---- the signature


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ada", "eve"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name]
        subprocess.run(command, check=True)
    public = (folder / "ada.pub").read_text()
    (folder / "signers").write_text(f"ada@example.org,ada@cloudlab.org {public}")
    (folder / "MANIFEST.sha256").write_text("0  file\n")
    sign(folder / "MANIFEST.sha256", folder / "ada", folder / "signature")
    return folder


def test_a_signature_is_known_by_its_name_or_by_its_key(keys: Path) -> None:
    manifest, signature = keys / "MANIFEST.sha256", keys / "signature"
    assert signed_by(manifest, signature, keys / "signers") == "ada@example.org"
    printed = subprocess.run(
        ["ssh-keygen", "-l", "-f", keys / "ada.pub"], capture_output=True, text=True, check=True
    )
    assert signed_by(manifest, signature) == f"ED25519 key {printed.stdout.split()[1]}"


def test_a_signature_that_is_not_of_the_manifest_or_of_a_known_key_is_refused(
    keys: Path, tmp_path: Path
) -> None:
    manifest = tmp_path / "MANIFEST.sha256"
    manifest.write_text("1  file\n")
    for signers in (None, keys / "signers"):
        with pytest.raises(SubmissionError, match="incorrect signature"):
            signed_by(manifest, keys / "signature", signers)
    sign(manifest, keys / "eve", tmp_path / "signature")
    with pytest.raises(SubmissionError, match="or add the key to signers if it is known"):
        signed_by(manifest, tmp_path / "signature", keys / "signers")
    (tmp_path / "signature").write_text("no signature")
    with pytest.raises(SubmissionError, match="sshsig_armor"):
        signed_by(manifest, tmp_path / "signature")


def test_a_signature_for_another_purpose_is_refused(keys: Path) -> None:
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", keys / "ada", keys / "MANIFEST.sha256"]
    subprocess.run(command, check=True)
    with pytest.raises(SubmissionError):
        signed_by(keys / "MANIFEST.sha256", keys / "MANIFEST.sha256.sig")


def test_a_key_that_cannot_be_used_is_refused_and_nothing_is_packaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_place(tmp_path / "place")
    monkeypatch.chdir(tmp_path / "place")
    assert packager.main(["--sign", "nowhere"]) == 1
    assert "name an SSH key that can be used: --sign KEY" in capsys.readouterr().err
    assert list(Path("dist").iterdir()) == []
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SubmissionError, match="ssh-keygen: No such file or directory"):
        sign(Path("README.md"), Path("key"), Path("signature"))


def test_a_signature_moves_aside_with_the_bundle_that_it_signs(keys: Path, tmp_path: Path) -> None:
    place, output = tmp_path / "place", tmp_path / "dist"
    make_place(place)

    def package(*seeds: int, key: Path | None = None) -> Path:
        logs = [place / f"logs/quick-seed-{seed}" for seed in seeds]
        return packager.package(packager.Options(logs, output, checkout=place, sign=key))

    root = package(1, 2, key=keys / "ada")
    signature = signature_path(root)
    written = signature.read_text()
    package(1, 2)
    assert signature.read_text() == written
    package(1, 3)
    assert not signature.exists()
    (moved,) = output.glob("aside/*/*.manifest.sig")
    assert moved.read_text() == written


# ---- the licences


def document() -> dict[str, Any]:
    lock = (ROOT / "requirements.lock").read_text()
    return licence_list(lock, name="bundle", time=1_700_000_000)


def test_every_locked_package_is_listed_once_with_its_version() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pinned = [
        re.sub(r"\[.*\]", "", line.split()[0]).split("==") for line in lines if line and line[0] not in " #"
    ]
    listed = [[package["name"], package["versionInfo"]] for package in document()["packages"]]
    assert listed == pinned
    assert len({package["SPDXID"] for package in document()["packages"]}) == len(pinned)


def test_the_list_has_the_fields_that_spdx_demands() -> None:
    listed = document()
    assert (listed["spdxVersion"], listed["dataLicense"]) == ("SPDX-2.3", "CC0-1.0")
    assert listed["creationInfo"]["created"] == "2023-11-14T22:13:20Z"
    assert re.fullmatch(r"https://spdx\.org/spdxdocs/bundle-[0-9a-f]{64}", listed["documentNamespace"])
    identifiers = {package["SPDXID"] for package in listed["packages"]}
    assert all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", each) for each in identifiers)
    assert {each["relatedSpdxElement"] for each in listed["relationships"]} == identifiers
    for package in listed["packages"]:
        assert (package["licenseDeclared"] == "NOASSERTION") == ("licenseComments" in package)
    assert json.dumps(document()) == json.dumps(listed)


def test_the_licence_of_an_installed_package_is_what_it_says_and_others_are_unknown() -> None:
    version = importlib.metadata.version("numpy")
    lock = (
        f"numpy=={version} ; python_full_version >= '3.11' \\\n    --hash=sha256:0\nnumpy==0.1\nno-such==1\n"
    )
    known, other, absent = licence_list(lock, name="bundle", time=0)["packages"]
    assert known["licenseDeclared"] == importlib.metadata.metadata("numpy")["License-Expression"]
    assert known["comment"] == "needed where python_full_version >= '3.11'"
    assert other["licenseComments"] == "another version was installed where the bundle was made"
    assert absent["licenseComments"] == "not installed where the bundle was made"


@pytest.mark.parametrize(
    ("fields", "declared", "comment"),
    [
        ({"License-Expression": "MIT OR Apache-2.0"}, "MIT OR Apache-2.0", ""),
        ({"License": "Apache 2.0"}, "Apache-2.0", ""),
        ({"License": "MPL-2.0 AND MIT"}, "MPL-2.0 AND MIT", ""),
        ({"License": "BSD 3-Clause License\n\nCopyright"}, "BSD-3-Clause", ""),
        ({"Classifier": "License :: OSI Approved :: MIT License"}, "MIT", ""),
        ({"License": "BSD"}, "NOASSERTION", "the package says: BSD"),
        (
            {"License": "Mine\nall of it", "Classifier": "License :: OSI Approved :: BSD License"},
            "NOASSERTION",
            "the package says: Mine, BSD License",
        ),
        ({"Classifier": "Topic :: Scientific/Engineering"}, "NOASSERTION", "the package says nothing"),
    ],
)
def test_what_a_package_leaves_open_stays_open(fields: dict[str, str], declared: str, comment: str) -> None:
    metadata = Message()
    for name, value in fields.items():
        metadata[name] = value
    assert declared_licence(metadata) == (declared, comment)


@given(
    st.lists(
        st.builds(
            Locked,
            st.from_regex(r"[A-Za-z0-9][\w.-]{0,9}", fullmatch=True).filter(str.isascii),
            st.from_regex(r"[0-9][0-9a-z.]{0,8}", fullmatch=True).filter(str.isascii),
            st.sampled_from(["", "sys_platform == 'win32'"]),
        )
    )
)
def test_a_lock_is_read_as_it_was_written(packages: list[Locked]) -> None:
    lock = io.StringIO()
    for package in packages:
        marker = f" ; {package.marker}" if package.marker else ""
        lock.write(
            f"{package.name}=={package.version}{marker} \\\n    --hash=sha256:00 \\\n    --hash=sha256:01\n"
        )
    assert locked_packages(lock.getvalue()) == packages
    with_extras = re.sub(r"(?m)^(\w[\w.-]*)==", r"\1[extra]==", lock.getvalue())
    assert locked_packages(with_extras) == packages
