"""Users of businesses: each looks a name up, for as long as its record says, and asks the server that it leads to."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dnslib import DNSError, DNSRecord

REQUEST_SECONDS = 5.0
PAUSE_SECONDS = 0.5
SENTENCE = json.dumps({"sentences": ["今天 天气 很 好"], "normalisation": "estimated"})


@dataclass(frozen=True)
class Answer:
    """What came of one request."""

    asked: float
    """The moment, by the monotonic clock."""
    address: str
    fault: str
    """Why there was no score; empty where there was one."""


class User:
    """One business's user, who asks twice a second until `stop` is called."""

    def __init__(self, name: str, server: str) -> None:
        self.name = name
        self.answers: list[Answer] = []
        self._server = server
        self._address = ""
        self._kept_until = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask_on, name=f"user of {name}")

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns once the last request is over."""
        self._ended.set()
        self._thread.join()

    def _ask_on(self) -> None:
        while not self._ended.wait(PAUSE_SECONDS):
            asked, fault = time.monotonic(), ""
            try:
                self._ask()
            except (OSError, ValueError, KeyError, http.client.HTTPException, DNSError) as error:
                fault = repr(error)
            self.answers.append(Answer(asked, self._address, fault))

    def _ask(self) -> float:
        """The score of a sentence."""
        now = time.monotonic()
        if now >= self._kept_until:
            found = DNSRecord.parse(DNSRecord.question(self.name).send(self._server, 53, timeout=REQUEST_SECONDS))
            if not found.rr:
                raise ValueError("the name has no address")
            self._address, self._kept_until = str(found.rr[0].rdata), now + found.rr[0].ttl
        connection = http.client.HTTPConnection(self._address, timeout=REQUEST_SECONDS)
        try:
            headers = {"Content-Type": "application/json", "Host": self.name}
            connection.request("POST", "/v1/score", body=SENTENCE.encode(), headers=headers)
            reply = connection.getresponse()
            if reply.status != http.HTTPStatus.OK:
                raise ValueError(f"status {reply.status}")
            score: float = json.load(reply)["sentences"][0]["log_probability"]
            return score
        finally:
            connection.close()


class Crowd:
    """A user of each business, all asking at once for as long as the block lasts."""

    def __init__(self, names: Mapping[str, str], server: str) -> None:
        self._users = {business: User(name, server) for business, name in names.items()}

    def __enter__(self) -> Crowd:
        for user in self._users.values():
            user.start()
        return self

    def __exit__(self, *_: object) -> None:
        for user in self._users.values():
            user.stop()

    def address(self, business: str) -> str:
        """Where the business's user was led last."""
        return self._users[business].answers[-1].address

    def is_served(self, business: str, seconds: float) -> bool:
        """Whether every request of the last `seconds` was answered, and there was one."""
        since = time.monotonic() - seconds
        latest = [answer for answer in self._since(business, since) if answer.asked >= since]
        return bool(latest) and not any(answer.fault for answer in latest)

    def failures(self, businesses: Iterable[str], since: float) -> list[str]:
        """A line for each request since a moment that was not answered. Fails where a business's user did not ask."""
        found = []
        for business in businesses:
            answers = self._since(business, since)
            assert answers, f"the user of {business} asked nothing"
            found += [
                f"{business} at {one.address}, after {one.asked - since:.1f} s: {one.fault}"
                for one in answers
                if one.fault
            ]
        return found

    def last_failure(self, businesses: Iterable[str], since: float) -> float:
        """Seconds from a moment to the last request that was not answered; 0 where all were."""
        moments = [one.asked for name in businesses for one in self._since(name, since) if one.fault]
        return max(moments, default=since) - since

    def _since(self, business: str, moment: float) -> list[Answer]:
        return [answer for answer in list(self._users[business].answers) if answer.asked >= moment]
