"""Many stores need many open files; what the machine forbids is said before the first is read."""

import resource

import pytest

from lamo.errors import LamoError
from lamo.stores import open_files
from lamo.stores.open_files import SPARE, allow_open_files


@pytest.fixture
def limits(monkeypatch):
    """Pretended limits of this process: soft and hard."""
    now = [1024, 4096]
    monkeypatch.setattr(open_files, "_promised", 0)
    monkeypatch.setattr(resource, "getrlimit", lambda what: tuple(now))
    monkeypatch.setattr(resource, "setrlimit", lambda what, new: now.__setitem__(slice(None), new))
    return now


def test_few_files_change_nothing(limits):
    allow_open_files(1024 - SPARE)
    assert limits == [1024, 4096]


def test_the_limit_is_raised_as_far_as_needed(limits):
    allow_open_files(2000)
    assert limits == [2000 + SPARE, 4096]


def test_calls_add_up(limits):
    for count in (1000, 2000, 100, 200):
        allow_open_files(count)
    assert limits == [3300 + SPARE, 4096]


def test_more_than_the_machine_allows_is_an_error_that_says_what_to_do(limits):
    message = r"4000 files .* allows 4096 \(ulimit -Hn\), expected at least 4256; .*frames\.shards"
    with pytest.raises(LamoError, match=message):
        allow_open_files(4000)
    assert limits == [1024, 4096]


def test_no_limit_is_no_limit(limits):
    limits[:] = [1024, resource.RLIM_INFINITY]
    allow_open_files(10**6)
    assert limits == [10**6 + SPARE, resource.RLIM_INFINITY]
    limits[:] = [resource.RLIM_INFINITY] * 2
    allow_open_files(10**6)
    assert limits == [resource.RLIM_INFINITY] * 2
