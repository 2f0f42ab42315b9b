"""Archives of bundles and their seals: the published one, the signed one, and those that are not safe."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from benchmark.core.errors import SubmissionError
from submission.bundle.archive import sign, signature_path, write_archive
from submission.bundle.reading import unpacked
from submission.verify.__main__ import main
from submission.verify.steps import verify
from tests.support.submissions.bundles import BUNDLE, SCIENCE, errors, restamp


def test_another_archive_than_the_published_one_is_named(blank_bundle: Path, tmp_path: Path) -> None:
    archive = tmp_path / f"{BUNDLE}.tar.gz"
    write_archive(blank_bundle, archive, name=BUNDLE, time=0)
    archive.with_name(f"{archive.name}.sha256").write_text(f"{'0' * 64}  {archive.name}\n")
    report = verify(archive)
    assert errors(report.findings, tmp_path) == [("verify-seal", archive.name, None)]


def test_a_signature_must_be_of_the_manifest_and_must_exist_if_it_is_asked_for(
    blank_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = blank_bundle
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    key, signers = tmp_path / "key", tmp_path / "signers"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
    signers.write_text(f"ada {key.with_suffix('.pub').read_text()}")
    sign(bundle / "MANIFEST.sha256", key, signature_path(bundle))
    assert main([str(bundle), "--signers", str(signers)]) == 0
    assert "signed:           by ada\n" in capsys.readouterr().out

    (bundle / SCIENCE / "runs/1/metrics.csv").write_text("epoch,train_loss\n1,0.1\n")
    restamp(bundle)
    sealed = [each.found for each in verify(bundle).findings if each.rule == "verify-seal"]
    assert sealed == ["Signature verification failed: incorrect signature"]

    signature_path(bundle).unlink()
    found = verify(bundle, signers=signers).findings
    assert [each.found for each in found if each.rule == "verify-seal"] == ["no signature"]


def test_an_archive_that_is_not_safe_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("bundle/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    report = verify(path)
    assert report.exit_code == 1
    assert {each.path for each in report.findings} == {str(path)}


def test_an_archive_of_two_folders_or_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar.gz"
    for names in ([], ["one", "two"]):
        with tarfile.open(path, "w:gz") as archive:
            for name in names:
                archive.addfile(tarfile.TarInfo(f"{name}/file"))
        with pytest.raises(SubmissionError), unpacked(path):
            pass
    with pytest.raises(SubmissionError, match="2 files and folders at its top"), unpacked(path):
        pass
    with pytest.raises(SubmissionError, match="No such file or directory"), unpacked(tmp_path / "none"):
        pass
