"""A server of scenes for the tests of the download."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.project import write_scene_file
from tests.support.surroundings.disk import small_disk
from tests.support.surroundings.s3 import S3, empty_bucket, s3_server


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client waits a moment before it repeats a request, not many seconds."""
    monkeypatch.setattr("botocore.retryhandler.delay_exponential", lambda **_: 0.01)


@pytest.fixture(scope="package")
def server() -> Iterator[tuple[str, int]]:
    """The address of the server of all downloads."""
    with s3_server() as address:
        yield address


@pytest.fixture
def s3(short_pauses: None, server: tuple[str, int]) -> Iterator[S3]:
    with empty_bucket(server) as bucket:
        yield bucket


@pytest.fixture
def two_megabytes(tmp_path: Path) -> Iterator[Path]:
    """The root of a file system of 2 MB."""
    with small_disk(tmp_path / "small", "size=2m") as folder:
        yield folder


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_scene_file(tmp_path_factory.mktemp("scene") / "S3A.hdf", (32, 40)).read_bytes()
