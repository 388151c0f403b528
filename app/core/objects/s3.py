"""Objects in an S3-compatible store; large ones in parts, which are given up when anything fails.

Credentials come from the environment as boto3 finds them (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or the machine's).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from app.core.objects.interface import NoObject, Sink, StoredObject, StoreFailed, check_key

PART_BYTES = 16 * 1024 * 1024
MISSING = ("404", "NoSuchKey", "NotFound")


class S3Store:
    """The objects of a bucket below a prefix."""

    def __init__(self, bucket: str, prefix: str, *, endpoint: str | None, region: str | None) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        retries = {"max_attempts": 4, "mode": "standard"}
        config = Config(retries=retries, connect_timeout=10, read_timeout=60)
        self._client: Any = boto3.client("s3", endpoint_url=endpoint, region_name=region, config=config)

    @contextmanager
    def writing(self, key: str) -> Iterator[Sink]:
        """Send parts as they fill; the object appears when the last one is confirmed."""
        upload = _Upload(self._client, self._bucket, self._prefix + check_key(key))
        with _explained():
            try:
                yield upload
                upload.finish()
            except BaseException:
                upload.give_up()
                raise

    @contextmanager
    def reading(self, key: str) -> Iterator[BinaryIO]:
        """Open the object's stream."""
        with _explained():
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + check_key(key))
            body = answer["Body"]
            try:
                yield cast(BinaryIO, body)
            finally:
                body.close()

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Ask page by page."""
        with _explained():
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                for entry in page.get("Contents", []):
                    yield StoredObject(entry["Key"].removeprefix(self._prefix), entry["Size"], entry["LastModified"])

    def size(self, key: str) -> int | None:
        """Ask for the object's head."""
        try:
            with _explained():
                answer = self._client.head_object(Bucket=self._bucket, Key=self._prefix + check_key(key))
                return int(answer["ContentLength"])
        except NoObject:
            return None

    def delete(self, key: str) -> None:
        """Remove the object."""
        with _explained():
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + check_key(key))

    def room(self) -> dict[str, int]:
        """See that the bucket answers; how much room it has nobody says."""
        with _explained():
            self._client.head_bucket(Bucket=self._bucket)
        return {}


class _Upload:
    """An object while it is sent."""

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        self._client = client
        self._where = {"Bucket": bucket, "Key": key}
        self._buffer = bytearray()
        self._upload_id: str | None = None
        self._parts: list[dict[str, Any]] = []

    def write(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= PART_BYTES:
            self._send(bytes(self._buffer[:PART_BYTES]))
            del self._buffer[:PART_BYTES]

    def finish(self) -> None:
        if self._upload_id is None:
            self._client.put_object(**self._where, Body=bytes(self._buffer))
            return
        if self._buffer:
            self._send(bytes(self._buffer))
        self._client.complete_multipart_upload(
            **self._where, UploadId=self._upload_id, MultipartUpload={"Parts": self._parts}
        )

    def give_up(self) -> None:
        if self._upload_id is not None:
            self._client.abort_multipart_upload(**self._where, UploadId=self._upload_id)

    def _send(self, data: bytes) -> None:
        if self._upload_id is None:
            self._upload_id = self._client.create_multipart_upload(**self._where)["UploadId"]
        number = len(self._parts) + 1
        answer = self._client.upload_part(**self._where, UploadId=self._upload_id, PartNumber=number, Body=data)
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in MISSING:
            raise NoObject from error
        raise StoreFailed from error
    except BotoCoreError as error:
        raise StoreFailed from error
