"""Reading ahead: order, waiting, errors and the end of the thread."""

import threading
import time

import pytest

from lamo.errors import LamoError
from lamo.training.prefetch import Prefetch


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("prefetch")}


def test_items_come_in_order_and_to_an_end():
    with Prefetch(iter(range(7))) as items:
        assert list(items) == list(range(7))
        assert list(items) == []
    assert not threads()


def test_items_are_made_ahead_by_another_thread_and_no_more_than_asked():
    made, makers = [], set()

    def make():
        for i in range(20):
            made.append(i)
            makers.add(threading.current_thread().name)
            yield i

    with Prefetch(make(), ahead=3) as items:
        assert next(items) == 0
        for _ in range(500):
            if len(made) == 4:
                break
            time.sleep(0.01)
        time.sleep(0.05)
        assert made == [0, 1, 2, 3]
    assert threading.current_thread().name not in makers
    assert not threads()


def test_an_error_is_raised_where_its_item_was_due():
    def make():
        yield 0
        raise LamoError("frames.zarr: damaged")

    items = Prefetch(make())
    with items:
        assert next(items) == 0
        with pytest.raises(LamoError, match="damaged"):
            next(items)
    assert not threads()


def test_the_thread_ends_when_the_reader_fails():
    def make():
        while True:
            yield 0

    def read():
        with Prefetch(make()) as items:
            return next(items) / 0

    with pytest.raises(ZeroDivisionError):
        read()
    assert not threads()
