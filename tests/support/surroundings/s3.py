"""A real S3 server on loopback, behind a proxy that imitates bad networks."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import logging
import socket
import struct
import threading
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
from moto.s3.models import get_canned_acl, s3_backends
from moto.server import ThreadedMotoServer

from benchmark.download.source import BUCKET, PREFIXES
from tests.support.processes.waiting import wait_until

TRAINING, INFERENCE = PREFIXES["training"][0], PREFIXES["inference"][0]
HOST = "127.0.0.1"
BLOCK = 1 << 15


@dataclass(frozen=True)
class Fault:
    """A fault in one answer.

    status: sent without asking the server. cut_after: bytes of the body, then the connection is reset
    (or, with ``orderly``, closed as if all were well). stall_after: bytes, then silence. flip_at:
    position of a byte in the body to change. replace: bytes in the body, and their replacement.
    slow: seconds per 32 KiB. forget: header of the request to hide from the server. before: called
    before the server is asked.
    """

    status: int | None = None
    cut_after: int | None = None
    orderly: bool = False
    stall_after: int | None = None
    flip_at: int | None = None
    replace: tuple[bytes, bytes] = (b"", b"")
    slow: float = 0
    forget: tuple[str, ...] = ()
    before: Callable[[], object] = lambda: None


NONE = Fault()


@dataclass
class Proxy:
    """``fault(key, n)``: fault of the n-th request (from 0) for an object; listings have the key ""."""

    upstream: tuple[str, int]
    fault: Callable[[str, int], Fault] = lambda key, n: NONE
    requests: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    most_at_once: int = 0
    at_once: int = 0
    answering: int = 0
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def total_sent(self) -> int:
        """Return the bytes of objects (not of listings) sent to clients."""
        return sum(count for key, count in self.sent.items() if key)

    def wait_for(self, count: int) -> None:
        """Wait until ``count`` bytes of objects have been sent to clients."""
        self._wait(lambda: self.total_sent() >= count)

    def wait_until_idle(self) -> None:
        """Wait until no object is being sent: the proxy has noticed all closed connections."""
        self._wait(lambda: self.answering == 0)

    def _wait(self, condition: Callable[[], bool]) -> None:
        wait_until(
            condition, instead=lambda: f"{self.total_sent()} bytes sent, {self.at_once} objects under way"
        )


@dataclass(frozen=True)
class S3:
    """The server and its proxy, with ways to store objects that a client would refuse."""

    address: tuple[str, int]
    proxy: Proxy

    @property
    def client(self):
        url = f"http://{self.address[0]}:{self.address[1]}"
        return boto3.client(
            "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
        )

    def put(self, key: str, content: bytes) -> str:
        """Store an object under any key, unchanged; return its ETag."""
        stored = s3_backends["123456789012"]["aws"].put_object(BUCKET, key, content)
        stored.set_acl(get_canned_acl("public-read"))
        return hashlib.md5(content).hexdigest()

    def put_file(self, key: str, path: Path) -> bytes:
        content = path.read_bytes()
        self.put(key, content)
        return content

    def put_in_parts(self, key: str, parts: list[bytes]) -> str:
        """Upload an object in these parts by the protocol; return the server's ETag."""
        client = self.client
        upload = client.create_multipart_upload(Bucket=BUCKET, Key=key, ACL="public-read")["UploadId"]
        given = [
            {
                "PartNumber": n,
                "ETag": client.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=n, Body=part)[
                    "ETag"
                ],
            }
            for n, part in enumerate(parts, start=1)
        ]
        done = client.complete_multipart_upload(
            Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": given}
        )
        return done["ETag"].strip('"')


@contextlib.contextmanager
def s3_server() -> Iterator[tuple[str, int]]:
    """Start an S3 server; yield its address; stop it at the end (which takes half a second)."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address=HOST, port=0, verbose=False)
    server.start()
    try:
        yield server.get_host_and_port()
    finally:
        server.stop()


@contextlib.contextmanager
def empty_bucket(server: tuple[str, int]) -> Iterator[S3]:
    """Empty the server's only bucket and yield it behind a faultless proxy, which ends with the block."""
    _ask(server, "POST", "/moto-api/reset")
    proxy = Proxy(server)
    with _serving(proxy):
        s3 = S3(server, proxy)
        s3.client.create_bucket(Bucket=BUCKET)
        yield s3


def _ask(address: tuple[str, int], method: str, path: str) -> None:
    connection = http.client.HTTPConnection(*address, timeout=30)
    connection.request(method, path)
    connection.getresponse().read()
    connection.close()


@contextlib.contextmanager
def _serving(proxy: Proxy) -> Iterator[None]:
    class Handler(_Handler):
        state = proxy

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    proxy.url = f"http://{HOST}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        proxy.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    state: Proxy

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        proxy = self.state
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        key = path.removeprefix(f"/{BUCKET}").lstrip("/")
        with proxy.lock:
            number = proxy.requests[key]
            proxy.requests[key] += 1
            proxy.answering += 1
            proxy.at_once += bool(key)
            proxy.most_at_once = max(proxy.most_at_once, proxy.at_once)
        self.counted = bool(key)
        try:
            with contextlib.suppress(ConnectionError):
                self._answer(key, proxy.fault(key, number))
        finally:
            self._count_no_more()
            with proxy.lock:
                proxy.answering -= 1

    def _count_no_more(self) -> None:
        with self.state.lock:
            self.state.at_once -= self.counted
        self.counted = False

    def _answer(self, key: str, fault: Fault) -> None:
        if fault.status is not None:
            self.send_response(fault.status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        fault.before()
        connection = http.client.HTTPConnection(*self.state.upstream, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name not in fault.forget}
        connection.request("GET", self.path, headers=headers)
        answer = connection.getresponse()
        body = bytearray(answer.read())
        connection.close()
        if fault.replace[0]:
            body = body.replace(*fault.replace)
        if fault.flip_at is not None and fault.flip_at < len(body):
            body[fault.flip_at] ^= 1
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self._send(key, memoryview(body), fault)

    def _send(self, key: str, body: memoryview, fault: Fault) -> None:
        end = next((n for n in (fault.cut_after, fault.stall_after) if n is not None), len(body))
        for start in range(0, min(end, len(body)), BLOCK):
            block = body[start : min(start + BLOCK, end)]
            self.state.closing.wait(fault.slow)
            if start + BLOCK >= min(end, len(body)):
                self._count_no_more()  # a client with the last block may already request another file
            self.wfile.write(block)
            with self.state.lock:
                self.state.sent[key] += len(block)
        if fault.stall_after is not None:
            self.state.closing.wait()
        if fault.cut_after is not None and not fault.orderly:
            # A linger time of zero turns the close into a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
