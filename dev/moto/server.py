"""Runs moto on the loopback, one request at a time.

Usage: server.py PORT

moto looks whether a name is free and then gives it, in threads: of two conditional writes at the
same moment, both may be told that they were first. A real store decides one after the other, and so
does this one. Who waits for messages of SQS would keep all others waiting: where there are none, it
is told so at once. moto fails with 500 at a piece of an upload that another client has aborted; S3 and
this server say that there is no such upload.
"""

import os
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.exceptions import NoSuchUpload
from moto.s3.models import S3Backend
from moto.sqs.models import SQSBackend
from werkzeug.serving import run_simple

port = int(sys.argv[1])
os.environ["MOTO_PORT"] = str(port)
moto = DomainDispatcherApplication(create_backend_app)
one_at_a_time = threading.Lock()

receive = SQSBackend.receive_message


def receive_at_once(backend, queue, count, wait_seconds, *others):
    return receive(backend, queue, count, 0, *others)


SQSBackend.receive_message = receive_at_once

upload_part = S3Backend.upload_part


def upload_known_part(backend, bucket, upload, *others):
    if upload not in backend.get_bucket(bucket).multiparts:
        raise NoSuchUpload(upload_id=upload)
    return upload_part(backend, bucket, upload, *others)


S3Backend.upload_part = upload_known_part


def serve(environ, start_response):
    with one_at_a_time:
        return list(moto(environ, start_response))


run_simple("127.0.0.1", port, serve, threaded=True)
