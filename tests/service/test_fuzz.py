"""Mutated requests to a real server: all are answered, none with 500 or above."""

from tests.benchmarks.fuzz.client import Address, send_all
from tests.benchmarks.fuzz.requests import Requests
from tests.support.server import serving

COUNT = 300


def test_mutated_requests_are_all_answered_and_none_fails() -> None:
    with serving("--workers", "2") as server:
        outcome = send_all(Address("127.0.0.1", server.port), Requests(seed=0), range(COUNT), connections=4)
    assert not outcome.failures
    assert outcome.statuses.total() == COUNT


def test_a_request_is_the_same_whenever_it_is_made() -> None:
    first, second = Requests(seed=0), Requests(seed=0)
    assert [first.make(number) for number in range(COUNT)] == [second.make(number) for number in range(COUNT)]
