"""The public bucket of the dataset: list it, and read the bytes of an object over bad connections.

Requests are not signed, so that no AWS account or configuration is involved. botocore repeats a failed
request with growing pauses; this module resumes an interrupted answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from benchmark.download.source import (
    BUCKET,
    ENDPOINT,
    LOOKS_LIKE_SCENE,
    PREFIXES,
    RETRY_HINT,
    UNREACHABLE_HINT,
    DownloadError,
    RemoteFile,
    is_scene_path,
)

#: Bytes of an object per request, small enough to notice a change of the object soon.
PART_BYTES = 16 << 20
BLOCK_BYTES = 1 << 18
#: Attempts per request, and consecutive attempts to read an answer without receiving a byte.
ATTEMPTS = 6
SECONDS_WITHOUT_DATA = 30


def connect(endpoint: str, connections: int) -> Any:
    """Return an unsigned client of the server, without contacting the server yet. Raises DownloadError."""
    settings = Config(
        signature_version=UNSIGNED,
        s3={"addressing_style": "path"},
        connect_timeout=SECONDS_WITHOUT_DATA,
        read_timeout=SECONDS_WITHOUT_DATA,
        # "standard" gives up within a second, and at once on status 429
        retries={"total_max_attempts": ATTEMPTS, "mode": "legacy"},
        max_pool_connections=connections,
        # ETags are compared over complete objects; this server gives no checksums of ranges
        response_checksum_validation="when_required",
    )
    try:
        return boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=settings)
    except (ValueError, BotoCoreError) as error:
        raise DownloadError(
            "--endpoint", found=str(error), expected=f"a URL such as {ENDPOINT}", remedy="correct --endpoint"
        ) from None


def list_split(client: Any, split: str) -> tuple[list[RemoteFile], list[str]]:
    """Return the scenes of ``split``, sorted by path, and keys that look like scenes but are not valid paths.

    Raises DownloadError if the server cannot be reached or has no scenes.
    """
    for prefix in PREFIXES[split]:
        names = [(entry, entry["Key"].removeprefix(f"{prefix}/")) for entry in _list(client, f"{prefix}/")]
        files = [
            RemoteFile(entry["Key"], f"{split}/{name}", entry["Size"], entry["ETag"].strip('"'))
            for entry, name in names
            if is_scene_path(name)
        ]
        if files:
            invalid = [
                entry["Key"]
                for entry, name in names
                if LOOKS_LIKE_SCENE.fullmatch(name) and not is_scene_path(name)
            ]
            return sorted(files, key=lambda file: file.path), invalid
    raise DownloadError(
        f"{client.meta.endpoint_url}: bucket {BUCKET}",
        found="no scene below " + " or ".join(PREFIXES[split]),
        expected="objects named S3A*.hdf",
        remedy=UNREACHABLE_HINT,
    )


def read_object(client: Any, file: RemoteFile, start: int) -> Iterator[bytes]:
    """Yield the bytes of ``file`` from ``start`` on, resuming wherever an answer breaks off.

    Raises DownloadError if ATTEMPTS answers bring nothing, or the object has changed since it was listed.
    """
    failures = 0
    while start < file.size:
        end = min(start + PART_BYTES, file.size)
        body = _part(client, file, start, end)
        try:
            while start < end:
                block = body.read(min(BLOCK_BYTES, end - start))
                if not block:
                    raise ConnectionError(f"the answer ended {end - start} bytes early")
                yield block
                start += len(block)
                failures = 0
        except (BotoCoreError, HTTPError, ConnectionError) as error:
            failures += 1
            if failures == ATTEMPTS:
                raise _unusable(client, file.key, error) from error


def _part(client: Any, file: RemoteFile, start: int, end: int) -> Any:
    """Request bytes ``start`` to ``end`` of the listed object; return the answer's body."""
    try:
        answer = client.get_object(
            Bucket=BUCKET, Key=file.key, Range=f"bytes={start}-{end - 1}", IfMatch=f'"{file.etag}"'
        )
    except (BotoCoreError, ClientError) as error:
        status = getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status not in (404, 412):
            raise _unusable(client, file.key, error) from error
        raise DownloadError(
            file.key,
            found="no longer there" if status == 404 else "changed since it was listed",
            expected="the object as listed",
            remedy=RETRY_HINT,
        ) from error
    # A server may ignore both conditions; one file must not mix two versions.
    given = (answer.get("ContentRange"), answer.get("ETag", "").strip('"'))
    wanted = (f"bytes {start}-{end - 1}/{file.size}", file.etag)
    if given != wanted:
        raise DownloadError(
            file.key,
            found=f"range {given[0]} of ETag {given[1]}",
            expected=f"{wanted[0]} of {wanted[1]}, as listed",
            remedy=RETRY_HINT,
        )
    return answer["Body"]


def _list(client: Any, prefix: str) -> list[dict[str, Any]]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    try:
        return [entry for page in pages for entry in page.get("Contents", ())]
    except (BotoCoreError, ClientError) as error:
        raise _unusable(client, f"bucket {BUCKET}", error) from error


def _unusable(client: Any, where: str, error: Exception) -> DownloadError:
    attempts = "" if isinstance(error, ClientError) else f" ({ATTEMPTS} attempts)"  # a ClientError says so
    return DownloadError(
        f"{client.meta.endpoint_url}: {where}",
        found=f"{error}{attempts}",
        expected="an answer to an unsigned request",
        remedy=UNREACHABLE_HINT,
    )
