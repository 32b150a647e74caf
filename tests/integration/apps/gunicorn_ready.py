"""A configuration of gunicorn that says when a worker handles signals: none before is heard."""


def post_worker_init(worker):
    print("Started worker-", worker.pid, flush=True)
