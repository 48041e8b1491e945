"""Runs moto on the loopback, one request at a time.

Usage: server.py PORT

moto looks whether a name is free and then gives it, in threads: of two conditional writes at the
same moment, both may be told that they were first. A real store decides one after the other, and so
does this one. Who waits for messages of SQS would keep all others waiting: where there are none, it
is told so at once.
"""

import os
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
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


def serve(environ, start_response):
    with one_at_a_time:
        return list(moto(environ, start_response))


run_simple("127.0.0.1", port, serve, threaded=True)
