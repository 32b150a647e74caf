"""A service that nobody has named goes by the name that its command says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracekit.auto.naming import service_name

FOLDER = "/srv/shop"


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("python /bin/uvicorn shop.main:app --port 80", "shop"),
        ("python /bin/uvicorn --host localhost --port 80 src.stt.main:app", "stt"),
        ("python -m uvicorn --reload main:app", "main"),
        ("python /bin/uvicorn --factory shop:create_app()", "shop"),
        ("python /bin/hypercorn asgi:stt.main:app -b localhost:8000", "stt"),
        ("python /bin/hypercorn app/stt.py:app", "stt"),
        ("python /bin/gunicorn -b 127.0.0.1:8000 tts.wsgi:application", "tts"),
        ("python /bin/gunicorn wsgi:app", "shop"),
        ("python /bin/gunicorn tts.wsgi -b unix:/run/tts.sock", "tts"),
        ("python /bin/gunicorn -k uvicorn.workers.UvicornWorker -w 2 tts.asgi", "tts"),
        ("python /bin/gunicorn -c conf.py", "gunicorn"),
        ("python /bin/granian --interface asgi tts.main:app", "tts"),
        ("python /bin/waitress-serve --listen *:80 hello:app", "hello"),
        ("python /bin/flask --app hello run", "hello"),
        ("python /bin/flask --app=hello.web:create_app() run", "hello"),
        ("python /bin/flask run", "shop"),
        ("python /bin/quart --app qu run", "qu"),
        ("python /bin/litestar --app li.web:app run", "li"),
        ("python /bin/celery -A tasks worker", "tasks"),
        ("python /bin/fastapi run tts/main.py", "main"),
        ("python /bin/fastapi dev", "shop"),
        ("python /bin/datasette serve data.db", "datasette"),
        ("python app.py", "app"),
        ("python -u -X dev -W ignore /opt/stt/server.py --port 1", "server"),
        ("python -m stt.server", "stt"),
        ("python stt/__main__.py", "stt"),
        ("python manage.py runserver", "shop"),
        ("python /opt/site/manage.py runserver", "site"),
        ("python -m django-admin runserver", "shop"),
        ("python -c import_this", None),
        ("python -cpass", None),
        ("python -", None),
        ("python", None),
        ("python -m", None),
    ],
)
def test_the_command_says_the_name(command: str, name: str | None) -> None:
    assert service_name(command.split(), {}, FOLDER) == name


def test_flasks_variable_says_the_name_too() -> None:
    command = ["python", "/bin/flask", "run"]

    assert service_name(command, {"FLASK_APP": "hello:app"}, FOLDER) == "hello"


@given(st.lists(st.text(max_size=12), max_size=6), st.text(max_size=12))
def test_no_command_is_too_strange(words: list[str], folder: str) -> None:
    name = service_name(["python", *words], {}, folder)

    assert name is None or name
