"""Users of a business who look its name up, keep the address for its time to live, and ask on and on.

Each waits for its answer, pauses, and asks again on a connection of its own, so that a load balancer spreads them over
servers that came meanwhile. How many there are is changed while they ask.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from controllers.drill.region import Resolve
from controllers.errors import DrillError

REQUEST_SECONDS = 15.0
"""Longer than a server waits for its own answer before it refuses with 503."""
OVERLOADED = (http.HTTPStatus.TOO_MANY_REQUESTS, http.HTTPStatus.SERVICE_UNAVAILABLE)
SENTENCES = (
    "这家 酒店 的 房间 很 干净 ， 服务 也 很 好 ， 早餐 品种 不少 ， 下次 来 还 会 住 在 这里 。",
    "书 的 内容 很 丰富 ， 作者 写 得 非常 认真 ， 读 完 以后 觉得 收获 很 大 ， 值得 推荐 给 朋友 。",
    "今天 天气 很 好 ， 我们 一起 去 公园 走 了 一 圈 ， 晚上 在 附近 的 饭店 吃 了 一 顿 饭 。",
    "电池 用 的 时间 比较 短 ， 屏幕 不错 ， 键盘 的 手感 一般 ， 总的来说 这个 价格 还 可以 接受 。",
)
"""What is scored: about twenty words each, some milliseconds of a server's processor."""


class Outcome(StrEnum):
    """What came of a request."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """The server said that it is overloaded, and when to come again: 429 or 503 with `Retry-After`."""
    FAILED = "failed"


@dataclass(frozen=True)
class Answer:
    """One request."""

    at: float
    """When it was over, by the crowd's clock."""
    seconds: float
    """From asking to the whole answer; the look-up is not in it."""
    outcome: Outcome
    reason: str = ""


Ask = Callable[[str, int], tuple[Outcome, str]]
"""Sends a user's request number so-and-so to an address; what came of it, and why."""


class Crowd:
    """So many users as was said last, a thread each, while used as a context."""

    def __init__(
        self,
        resolve: Resolve,
        ask: Ask,
        line: str,
        pause_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolve, self._ask, self._line = resolve, ask, line
        self._pause, self._clock = pause_seconds, clock
        self._answers: list[Answer] = []
        self._users: list[tuple[threading.Event, threading.Thread]] = []

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        leaving = [thread for _, thread in self._users]
        self.become(0)
        for thread in leaving:
            thread.join()

    def become(self, users: int) -> None:
        """More come at once; who goes, goes after the answer that it waits for."""
        while len(self._users) > users:
            self._users.pop()[0].set()
        while len(self._users) < users:
            gone, number = threading.Event(), len(self._users)
            thread = threading.Thread(target=self._ask_on, args=(gone, number), name=f"user-{number}", daemon=True)
            self._users.append((gone, thread))
            thread.start()

    def take(self) -> list[Answer]:
        """What came since it was taken last."""
        count = len(self._answers)
        taken = self._answers[:count]
        del self._answers[:count]
        return taken

    def _ask_on(self, gone: threading.Event, number: int) -> None:
        address, kept_until = "", 0.0
        while not gone.is_set():
            started = self._clock()
            try:
                if started >= kept_until:
                    addresses, ttl = self._resolve(self._line)
                    if not addresses:
                        raise DrillError("the name has no address")
                    address, kept_until = addresses[0], started + ttl
                started = self._clock()
                outcome, reason = self._ask(address, number)
            except DrillError as error:
                outcome, reason = Outcome.FAILED, str(error)
            number += 1
            now = self._clock()
            self._answers.append(Answer(now, now - started, outcome, reason))
            gone.wait(self._pause)


def scorer(name: str, port: int, sentences: int) -> Ask:
    """Asks a server for the probability of so many sentences, by the chain rule over its whole vocabulary."""

    def ask(address: str, number: int) -> tuple[Outcome, str]:
        texts = [SENTENCES[(number + index) % len(SENTENCES)] for index in range(sentences)]
        body = json.dumps({"sentences": texts, "normalisation": "exact"}).encode()
        connection = http.client.HTTPConnection(address, port, timeout=REQUEST_SECONDS)
        try:
            connection.request("POST", "/v1/score", body, {"Host": name, "Content-Type": "application/json"})
            reply = connection.getresponse()
            found = reply.read()
            return judge(reply.status, reply.getheader("Retry-After"), found, sentences)
        except (OSError, http.client.HTTPException) as error:
            return Outcome.FAILED, f"{address}: {error!r}"
        finally:
            connection.close()

    return ask


def judge(status: int, retry_after: str | None, body: bytes, sentences: int) -> tuple[Outcome, str]:
    """What an answer comes to: only one with every sentence's score counts as answered."""
    if status in OVERLOADED and retry_after:
        return Outcome.REFUSED, f"status {status}"
    if status != http.HTTPStatus.OK:
        return Outcome.FAILED, f"status {status}: {body[:120].decode(errors='replace')}"
    try:
        scores = [float(one["log_probability"]) for one in json.loads(body)["sentences"]]
    except (ValueError, KeyError, TypeError) as error:
        return Outcome.FAILED, f"an answer without scores: {error!r}"
    if len(scores) != sentences:
        return Outcome.FAILED, f"{len(scores)} scores for {sentences} sentences"
    return Outcome.ANSWERED, ""
