"""Serve ``green:app`` by a greenlet library: ``python -m green_servers gevent 8000``."""

import signal
import sys


def by_gevent(port):
    from gevent import monkey

    monkey.patch_all()
    import gevent
    from gevent.pywsgi import WSGIServer
    from green import app

    server = WSGIServer(("127.0.0.1", port), app, log=None)
    gevent.signal_handler(signal.SIGTERM, server.stop)
    server.serve_forever()


def by_eventlet(port):
    import eventlet

    eventlet.monkey_patch()
    import eventlet.wsgi
    from green import app

    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    listener = eventlet.listen(("127.0.0.1", port))
    server = eventlet.spawn(eventlet.wsgi.server, listener, app, log_output=False)
    while not told:  # as gunicorn's worker does: a handler runs in whichever greenlet is at it
        eventlet.sleep(0.02)
    server.kill()


if __name__ == "__main__":
    {"gevent": by_gevent, "eventlet": by_eventlet}[sys.argv[1]](int(sys.argv[2]))
