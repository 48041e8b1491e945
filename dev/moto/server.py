"""Runs moto on the loopback, one request at a time.

Usage: server.py PORT

moto looks whether a name is free and then gives it, in threads: of two conditional writes at the
same moment, both may be told that they were first. A real store decides one after the other, and so
does this one.
"""

import os
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

port = int(sys.argv[1])
os.environ["MOTO_PORT"] = str(port)
moto = DomainDispatcherApplication(create_backend_app)
one_at_a_time = threading.Lock()


def serve(environ, start_response):
    with one_at_a_time:
        return list(moto(environ, start_response))


run_simple("127.0.0.1", port, serve, threaded=True)
