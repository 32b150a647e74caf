"""Run a function inside a scope, whatever kind of function it is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing
from typing import Any, Protocol, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])


class Scope(Protocol):
    """What ``decorate`` needs of a scope: open and close it, and be inside it for a while."""

    def open(self) -> None: ...
    def enter(self) -> None: ...
    def leave(self) -> None: ...
    def close(self, error: BaseException | None = None) -> None: ...
    def __enter__(self) -> Any: ...
    def __exit__(self, *exception: Any) -> None: ...


def decorate(function: Function, new_scope: Callable[[], Scope]) -> Function:
    """Return *function* wrapped so that each call runs in a new scope.

    The wrapper is of the same kind (plain, coroutine, generator, async generator), because
    frameworks ask. A generator's scope lasts from its first step to its end and is current only
    while the generator itself runs, so its consumer's spans stay the consumer's.
    """
    if inspect.iscoroutinefunction(function):
        wrapper = _coroutine(function, new_scope)
    elif inspect.isasyncgenfunction(function):
        wrapper = _async_generator(function, new_scope)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator(function, new_scope)
    else:
        wrapper = _plain(function, new_scope)
    return cast(Function, functools.wraps(function)(wrapper))


def _plain(function: Callable[..., Any], new_scope: Callable[[], Scope]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with new_scope():
            return function(*args, **kwargs)

    return call


def _coroutine(function: Callable[..., Any], new_scope: Callable[[], Scope]) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        with new_scope():
            return await function(*args, **kwargs)

    return call


def _generator(function: Callable[..., Any], new_scope: Callable[[], Scope]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        return (yield from _ScopedGenerator(function(*args, **kwargs), new_scope()))

    return call


def _async_generator(
    function: Callable[..., Any], new_scope: Callable[[], Scope]
) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
        scoped = _ScopedAsyncGenerator(function(*args, **kwargs), new_scope())
        async with aclosing(scoped):
            async for item in scoped:
                yield item

    return call


class _ScopedGenerator(Generator[Any, Any, Any]):
    """A generator each of whose steps runs inside the scope."""

    def __init__(self, generator: Generator[Any, Any, Any], scope: Scope) -> None:
        self._generator = generator
        self._scope = scope
        scope.open()

    def send(self, value: Any) -> Any:
        return self._step(self._generator.send, value)

    def throw(self, *exception: Any) -> Any:
        return self._step(self._generator.throw, *exception)

    def _step(self, step: Callable[..., Any], *args: Any) -> Any:
        self._scope.enter()
        try:
            return step(*args)
        except BaseException as error:
            self._scope.close(None if _is_end(error) else error)
            raise
        finally:
            self._scope.leave()


class _ScopedAsyncGenerator(AsyncGenerator[Any, Any]):
    """An async generator each of whose steps runs inside the scope."""

    def __init__(self, generator: AsyncGenerator[Any, Any], scope: Scope) -> None:
        self._generator = generator
        self._scope = scope
        scope.open()

    async def asend(self, value: Any) -> Any:
        return await self._step(self._generator.asend, value)

    async def athrow(self, *exception: Any) -> Any:
        return await self._step(self._generator.athrow, *exception)

    async def aclose(self) -> None:
        try:
            await self._step(self._generator.aclose)
        finally:
            self._scope.close()

    async def _step(self, step: Callable[..., Any], *args: Any) -> Any:
        self._scope.enter()
        try:
            return await step(*args)
        except BaseException as error:
            self._scope.close(None if _is_end(error) else error)
            raise
        finally:
            self._scope.leave()


def _is_end(error: BaseException) -> bool:
    return isinstance(error, (StopIteration, StopAsyncIteration, GeneratorExit))
