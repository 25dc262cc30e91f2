"""How many threads products of NumPy matrices use."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

P = ParamSpec("P")
R = TypeVar("R")


def with_one_blas_thread(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function compute products of NumPy matrices with one thread; a decorator.

    For functions that multiply many small matrices. They gain little from more threads, and where another program
    keeps a core busy, the threads wait for one another in every product, which makes them many times slower.
    """

    @wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> R:
        with threadpool_limits(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return limited
