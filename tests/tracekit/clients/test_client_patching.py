from __future__ import annotations

import functools

import wrapt

from tracekit.clients.patching import Patches


class Library:
    def call(self):
        return ["library"]


class Derived(Library):
    pass


def ours(original):
    def call(self):
        return ["ours", *original(self)]

    return call


def theirs(wrapped, _instance, args, kwargs):
    return ["theirs", *wrapped(*args, **kwargs)]


def test_ours_goes_inside_a_wrapper_that_is_there_already():
    bare = vars(Library)["call"]
    wrapt.wrap_function_wrapper(Library, "call", theirs)
    proxy = vars(Library)["call"]
    patches = Patches()
    try:
        patches.wrap(Library, "call", ours)
        assert Library().call() == ["theirs", "ours", "library"]

        patches.restore()
        assert vars(Library)["call"] is proxy
        assert Library().call() == ["theirs", "library"]
    finally:
        Library.call = bare


def test_a_wrapper_that_came_later_stays_when_ours_goes():
    bare = vars(Library)["call"]
    patches = Patches()
    patches.wrap(Library, "call", ours)
    wrapt.wrap_function_wrapper(Library, "call", theirs)
    try:
        patches.restore()
        assert Library().call() == ["theirs", "library"]
        assert vars(Library)["call"].__wrapped__ is bare
    finally:
        Library.call = bare


def test_an_inherited_method_is_inherited_again():
    patches = Patches()
    patches.wrap(Derived, "call", ours)
    assert Derived().call() == ["ours", "library"]

    patches.restore()
    assert "call" not in vars(Derived)


def test_two_patches_of_one_method_come_off_in_order():
    bare = vars(Library)["call"]
    patches = Patches()
    patches.wrap(Library, "call", ours)
    patches.wrap(Library, "call", ours)
    assert Library().call() == ["ours", "ours", "library"]

    patches.restore()
    assert vars(Library)["call"] is bare


def plainly(original):
    """Wrap as OpenTelemetry does requests: a function, taken off by its ``__wrapped__``."""

    @functools.wraps(original)
    def call(self):
        return ["theirs", *original(self)]

    return call


def test_a_plain_wrapper_beneath_ours_can_be_taken_off_by_its_maker():
    bare = vars(Library)["call"]
    Library.call = plainly(bare)
    patches = Patches()
    patches.wrap(Library, "call", ours)
    try:
        assert Library().call() == ["ours", "theirs", "library"]

        Library.call = Library.call.__wrapped__
        assert Library().call() == ["ours", "library"]

        patches.restore()
        assert vars(Library)["call"] is bare
    finally:
        Library.call = bare


def test_a_plain_wrapper_over_ours_leaves_the_bare_function_when_it_goes():
    bare = vars(Library)["call"]
    patches = Patches()
    patches.wrap(Library, "call", ours)
    Library.call = plainly(Library.call)
    try:
        patches.restore()
        Library.call = Library.call.__wrapped__
        assert vars(Library)["call"] is bare
    finally:
        Library.call = bare


def test_a_plain_wrapper_taken_off_and_put_on_again_over_ours_leaves_the_bare_function():
    bare = vars(Library)["call"]
    Library.call = plainly(bare)
    patches = Patches()
    patches.wrap(Library, "call", ours)
    try:
        Library.call = Library.call.__wrapped__
        Library.call = plainly(Library.call)
        assert Library().call() == ["theirs", "ours", "library"]

        patches.restore()
        Library.call = Library.call.__wrapped__
        assert vars(Library)["call"] is bare
    finally:
        Library.call = bare
