"""What each form of the query language finds, and how it refuses what it does not evaluate."""

from __future__ import annotations

import pytest

from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.sls.query import Index, compile_query

INDEX = Index.of(
    {
        "line": {"token": [" ", ",", "\n"], "caseSensitive": False, "exclude_keys": ["secret"]},
        "keys": {
            "level": {"type": "text", "token": [" "], "caseSensitive": False},
            "code": {"type": "text", "token": [" "], "caseSensitive": True},
            "latency": {"type": "long"},
        },
    }
)
ENTRIES = {
    "started": {"__topic__": "training", "level": "INFO", "message": "worker 3 started", "latency": "40", "code": "Aa"},
    "died": {"__topic__": "training", "level": "ERROR", "message": "worker 3 died, code 137", "latency": "900"},
    "served": {"__topic__": "serving", "level": "info", "message": "served", "latency": "7", "secret": "started"},
}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "started died served"),
        ("*", "started died served"),
        ("worker", "started died"),
        ("WORKER", "started died"),
        ("worker and died", "died"),
        ("worker died", "died"),
        ("worker not died", "started"),
        ("died or served", "died served"),
        ("not (died or served)", "started"),
        ("died or worker and started", "started died"),
        ('"worker 3 started"', "started"),
        ('"3 worker"', ""),
        ("start*", "started"),
        ("s?rved", "served"),
        ("level: info", "started served"),
        ("level:info and not latency:7", "started"),
        ("code: *", "started"),
        ("code: aa", ""),
        ("code: Aa", "started"),
        ("latency > 39", "started died"),
        ("latency: >= 40", "started died"),
        ("latency in [7 40)", "served"),
        ("latency in (7 40]", "started"),
        ("__topic__: serving", "served"),
        ("nothing", ""),
    ],
)
def test_a_query_finds_what_it_asks_for(query: str, found: str) -> None:
    wanted = compile_query(query, INDEX)
    assert [name for name, entry in ENTRIES.items() if wanted(entry)] == found.split()


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("a | b", "inside brackets"),
        ("(worker", "bracket"),
        ("worker )", "wrong near"),
        ("message: worker", "is not config as key value"),
        ("level > 3", "cannot be compared"),
        ("latency > many", "is not a number"),
        ("latency >", "too early"),
        ("level:", "too early"),
        ('"open', "cannot be read"),
        ("not " * 100 + "worker", "nested"),
        ("a" * 20_000, "at most"),
    ],
)
def test_a_query_that_cannot_be_evaluated_is_refused_with_the_reason(query: str, reason: str) -> None:
    with pytest.raises(CloudError, match=reason) as caught:
        compile_query(query, INDEX)
    assert caught.value.code == "InvalidQueryString"


def test_without_a_full_text_index_words_are_searched_in_the_indexed_fields() -> None:
    fields = Index.of({"keys": {"level": {"type": "text"}}})
    wanted = compile_query("started", fields)
    assert not any(wanted(entry) for entry in ENTRIES.values())
    assert compile_query("error", fields)(ENTRIES["died"])


@pytest.mark.parametrize("token", [None, [], [""], ["-", "]", "^", "\\"]])
def test_any_delimiters_make_an_index(token: list[str] | None) -> None:
    index = Index.of({"line": {"token": token}})
    assert compile_query("info", index)({"level": "info"})
