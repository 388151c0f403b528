"""Stores of objects, a folder and S3 over HTTP alike: whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import boto3
import pytest
from moto.server import ThreadedMotoServer

from app.core.objects import ObjectStore, StoreFailed, open_store
from app.core.objects.interface import NoObject
from app.core.objects.s3 import PART_BYTES

BUCKET = "vien-backups"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of an S3 server with one bucket."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ACCESS_KEY_ID", "test")
        patched.setenv("AWS_SECRET_ACCESS_KEY", "test")
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        boto3.client("s3", endpoint_url=url, region_name="us-east-1").create_bucket(Bucket=BUCKET)
        yield url
        server.stop()


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty store of either kind."""
    if request.param == "folder":
        return open_store((tmp_path / "store").as_uri())
    url = request.getfixturevalue("endpoint")
    return open_store(f"s3://{BUCKET}/{tmp_path.name}?endpoint={quote(url, safe='')}&region=us-east-1")


def put(store: ObjectStore, key: str, content: bytes) -> None:
    with store.writing(key) as sink:
        sink.write(content)


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, PART_BYTES * 2 + 5])
def test_what_was_put_is_got(store: ObjectStore, size: int) -> None:
    content = b"\x00ab\xff" * (size // 4) + b"z" * (size % 4)
    put(store, "a/b/object", content)
    assert store.size("a/b/object") == size
    with store.reading("a/b/object") as source:
        assert source.read() == content


@pytest.mark.parametrize("size", [10, PART_BYTES + 10])
def test_an_error_leaves_nothing(store: ObjectStore, size: int) -> None:
    class Stopped(Exception):
        pass

    put(store, "kept", b"older")
    with pytest.raises(Stopped), store.writing("kept") as sink:
        sink.write(b"x" * size)
        raise Stopped
    with pytest.raises(Stopped), store.writing("new") as sink:
        sink.write(b"x" * size)
        raise Stopped
    assert [entry.key for entry in store.list("")] == ["kept"]
    with store.reading("kept") as source:
        assert source.read() == b"older"


def test_no_upload_is_left_open(endpoint: str, tmp_path: Path) -> None:
    store = open_store(f"s3://{BUCKET}/{tmp_path.name}?endpoint={quote(endpoint, safe='')}&region=us-east-1")
    with pytest.raises(ZeroDivisionError), store.writing("large") as sink:
        sink.write(b"x" * (PART_BYTES + 1))
        raise ZeroDivisionError
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    assert "Uploads" not in client.list_multipart_uploads(Bucket=BUCKET)


def test_a_listing_is_by_prefix_and_in_order(store: ObjectStore) -> None:
    for key in ("b/2", "a/1", "b/10", "bb/1", "b/1/x"):
        put(store, key, b"1")
    assert [entry.key for entry in store.list("b/")] == ["b/1/x", "b/10", "b/2"]
    assert [entry.key for entry in store.list("b/1")] == ["b/1/x", "b/10"]
    assert list(store.list("nothing/")) == []


def test_what_is_not_there_is_said_so(store: ObjectStore) -> None:
    assert store.size("nothing") is None
    store.delete("nothing")
    with pytest.raises(NoObject), store.reading("nothing"):
        pass


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "a/../b", "", "a//b", ".part-x", "a b", "a/\n"])
def test_a_key_leads_nowhere_else(store: ObjectStore, key: str) -> None:
    with pytest.raises((ValueError, StoreFailed)):
        put(store, key, b"x")


@pytest.mark.parametrize("url", ["", "/var/backups", "file://relative", "http://x", "s3://"])
def test_an_address_of_neither_kind_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="file:///"):
        open_store(url)


def test_a_store_that_is_away_says_so() -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ACCESS_KEY_ID", "test")
        patched.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patched.setenv("AWS_MAX_ATTEMPTS", "1")
        store = open_store("s3://bucket/x?endpoint=http://127.0.0.1:1&region=us-east-1")
        with pytest.raises(StoreFailed) as told:
            store.room()
    assert told.value.remedy
