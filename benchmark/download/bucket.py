"""The public bucket of the dataset: what it lists, and the bytes of an object over bad connections.

Requests are not signed, so that neither an account nor a configuration of AWS takes part.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from benchmark.core.errors import CloudMaskError

ENDPOINT = "https://s3.echo.stfc.ac.uk"
BUCKET = "sciml-datasets"
#: Prefixes of each split: the present name first, then that of older copies.
PREFIXES = {
    "training": ("es/cloud_slstr_ds1/training", "es/cloud_slstr_ds1/one-day"),
    "inference": ("es/cloud_slstr_ds1/inference", "es/cloud_slstr_ds1/ssts"),
}

#: One request asks for this much of an object, so that a change of it is soon found.
PART_BYTES = 16 << 20
BLOCK_BYTES = 1 << 18
#: Times that a request is tried without progress, and the seconds before the second; they double.
TRIES, TRIES_OF_LISTING = 6, 4
FIRST_PAUSE = 1.0
SECONDS_WITHOUT_DATA = 30

#: Names that are written to disk: no way out of the folder, nothing hidden, nothing to quote.
SCENE_PATH = re.compile(r"(?:\w[\w.-]{0,150}/){0,8}S3A[\w.-]{1,150}\.hdf", re.ASCII)
LOOKS_LIKE_SCENE = re.compile(r".*S3A[^/]*\.hdf", re.DOTALL)

AGAIN = "repeat the command: it goes on with what is missing"
ELSEWHERE = (
    "check the network and --endpoint (--endpoint URL asks another server with a copy of the bucket), "
    "or do without: the default configuration uses embedded synthetic scenes"
)

Pause = Callable[[float], object]
_Result = TypeVar("_Result")


class DownloadError(CloudMaskError):
    """A file that could not be had, or a server that cannot be used."""


@dataclass(frozen=True)
class RemoteFile:
    """An object of the bucket. ``path``: where it belongs below the destination, with slashes."""

    key: str
    path: str
    size: int
    etag: str


def connect(endpoint: str, connections: int) -> Any:
    """A client of the server that does not sign; nothing is asked of the server yet. Raises DownloadError."""
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    settings = Config(
        signature_version=UNSIGNED,
        s3={"addressing_style": "path"},
        connect_timeout=SECONDS_WITHOUT_DATA,
        read_timeout=SECONDS_WITHOUT_DATA,
        retries={"total_max_attempts": 1},  # tried again here, where bodies are read too
        max_pool_connections=connections,
        # ETags are compared over whole objects; checksums of ranges are not for this server
        response_checksum_validation="when_required",
    )
    try:
        return boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=settings)
    except (ValueError, BotoCoreError) as error:
        raise DownloadError(
            "--endpoint", found=str(error), expected=f"a URL such as {ENDPOINT}", remedy="correct --endpoint"
        ) from None


def list_split(client: Any, split: str, pause: Pause = time.sleep) -> tuple[list[RemoteFile], list[str]]:
    """The scenes of ``split``, sorted by path, and keys that look like scenes but are unfit as paths.

    Raises DownloadError when the server cannot be asked or holds none.
    """
    for prefix in PREFIXES[split]:
        objects = list(_list(client, f"{prefix}/", pause))
        names = [(entry, entry["Key"].removeprefix(f"{prefix}/")) for entry in objects]
        files = [
            RemoteFile(entry["Key"], f"{split}/{name}", entry["Size"], entry["ETag"].strip('"'))
            for entry, name in names
            if is_scene_path(name)
        ]
        if files:
            unfit = [
                entry["Key"]
                for entry, name in names
                if LOOKS_LIKE_SCENE.fullmatch(name) and not is_scene_path(name)
            ]
            return sorted(files, key=lambda file: file.path), unfit
    raise DownloadError(
        f"{client.meta.endpoint_url}: bucket {BUCKET}",
        found="no scene below " + " or ".join(PREFIXES[split]),
        expected="objects named S3A*.hdf",
        remedy=ELSEWHERE,
    )


def is_scene_path(path: str) -> bool:
    """Whether a path from a server or a list may be written below the destination."""
    return SCENE_PATH.fullmatch(path) is not None


def read_object(client: Any, file: RemoteFile, start: int, pause: Pause = time.sleep) -> Iterator[bytes]:
    """The bytes of ``file`` from ``start`` on, tried again wherever a connection fails.

    Raises DownloadError when nothing comes after TRIES tries, or the object is no longer the one listed.
    """
    failures = 0
    while start < file.size:
        try:
            for block in _read_part(client, file, start):
                yield block
                start += len(block)
                failures = 0
        except _broken() as error:
            failures += 1
            _raise_unless_temporary(error, client, file.key, failures, TRIES)
            pause(FIRST_PAUSE * 2 ** (failures - 1))


def _read_part(client: Any, file: RemoteFile, start: int) -> Iterator[bytes]:
    end = min(start + PART_BYTES, file.size)
    answer = client.get_object(
        Bucket=BUCKET, Key=file.key, Range=f"bytes={start}-{end - 1}", IfMatch=f'"{file.etag}"'
    )
    # A server may ignore both conditions; two versions must not end in one file.
    given = (answer.get("ContentRange"), answer.get("ETag", "").strip('"'))
    wanted = (f"bytes {start}-{end - 1}/{file.size}", file.etag)
    if given != wanted:
        raise DownloadError(
            file.key,
            found=f"range {given[0]} of ETag {given[1]}",
            expected=f"{wanted[0]} of {wanted[1]}, as listed",
            remedy=AGAIN,
        )
    while start < end:
        block = answer["Body"].read(min(BLOCK_BYTES, end - start))
        if not block:
            raise ConnectionError(f"the answer ended {end - start} bytes early")
        yield block
        start += len(block)


def _list(client: Any, prefix: str, pause: Pause) -> Iterator[dict[str, Any]]:
    position: dict[str, str] = {}
    while True:
        page = _try(lambda: client.list_objects_v2(Bucket=BUCKET, Prefix=prefix, **position), client, pause)  # noqa: B023
        yield from page.get("Contents", ())
        if not (token := page.get("NextContinuationToken")):
            return
        position = {"ContinuationToken": token}


def _try(action: Callable[[], _Result], client: Any, pause: Pause) -> _Result:
    failures = 0
    while True:
        try:
            return action()
        except _broken() as error:
            failures += 1
            _raise_unless_temporary(error, client, f"bucket {BUCKET}", failures, TRIES_OF_LISTING)
            pause(FIRST_PAUSE * 2 ** (failures - 1))


def _broken() -> tuple[type[Exception], ...]:
    """What a client raises for an answer that failed: refused, cut, late or unreadable."""
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    return BotoCoreError, ClientError, HTTPError, ConnectionError


def _raise_unless_temporary(error: Exception, client: Any, where: str, failures: int, tries: int) -> None:
    answer = getattr(error, "response", None) or {}
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    temporary = status is None or status >= 500 or status == 429
    if temporary and failures < tries:
        return
    if status in (404, 412) and not where.startswith("bucket"):
        raise DownloadError(
            where,
            found="no longer there" if status == 404 else "changed since it was listed",
            expected="the object as listed",
            remedy=AGAIN,
        ) from error
    raise DownloadError(
        f"{client.meta.endpoint_url}: {where}",
        found=f"{error}" + (f" ({failures} times)" if failures > 1 else ""),
        expected="an answer to an unsigned request",
        remedy=ELSEWHERE,
    ) from error
