"""A store that speaks S3, in this process."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem


@contextmanager
def serving_store(bucket: str) -> Iterator[Any]:
    """Yield the file system of a store with a bucket. Commands find the store by the environment."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    keys = dict.fromkeys(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], "test")
    environment = keys | {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "us-east-1"}
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        S3FileSystem.clear_instance_cache()
        store = S3FileSystem()
        store.mkdir(bucket)
        yield store
        store.rm(bucket, recursive=True)  # all servers of this process have one state
    finally:
        server.stop()
        S3FileSystem.clear_instance_cache()
        os.environ.clear()
        os.environ.update(before)
