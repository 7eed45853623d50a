"""A real server with object storage alone, on a free port of loopback; in its own thread, as the SDKs block."""

from __future__ import annotations

import asyncio
import datetime
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
import requests
import requests.adapters
from aiohttp import web
from alibabacloud_oss_v2.transport import RequestsHttpClient

from sandbox.cloud.core.accounts import Accounts, Credential
from sandbox.cloud.core.authorization import Authorizer
from sandbox.cloud.core.clock import ManualClock
from sandbox.cloud.core.store import Store
from sandbox.cloud.oss.service import ObjectStorage

REGION = "cn-hangzhou"


class ClosingAdapter(requests.adapters.HTTPAdapter):
    """Remembers the answers, as the SDKs leave some unread (HEAD, 204) with their connections open."""

    def __init__(self) -> None:
        super().__init__(pool_maxsize=16)
        self.answers: list[requests.Response] = []

    def send(self, *arguments: Any, **options: Any) -> requests.Response:
        answer = super().send(*arguments, **options)
        self.answers.append(answer)
        return answer


@dataclass
class Server:
    """The running storage, and clients for it."""

    url: str
    storage: ObjectStorage
    accounts: Accounts
    clock: ManualClock
    policies: dict[str, list[str]]
    loop: asyncio.AbstractEventLoop
    adapter: ClosingAdapter = field(default_factory=ClosingAdapter)

    def __post_init__(self) -> None:
        self.first_session = oss2.Session(adapter=self.adapter)
        self.second_session = RequestsHttpClient(adapter=self.adapter)

    def close_clients(self) -> None:
        """Close all connections of the SDKs."""
        for answer in self.adapter.answers:
            answer.close()
        self.first_session.session.close()
        self.second_session.close()

    def run(self, work: Awaitable[Any]) -> Any:
        """Await something on the server's loop."""

        async def wait() -> Any:
            return await work

        return asyncio.run_coroutine_threadsafe(wait(), self.loop).result(timeout=30)

    def bucket(self, name: str, auth: Any = None, region: str = REGION) -> oss2.Bucket:
        """A client of the first SDK, which signs with version 4 unless told otherwise."""
        root = self.accounts.root
        auth = auth or oss2.AuthV4(root.access_key_id, root.access_key_secret)
        return oss2.Bucket(auth, self.url, name, session=self.first_session, region=region, connect_timeout=10)

    def client(self, credential: Credential | None = None, region: str = REGION, **settings: Any) -> oss_v2.Client:
        """A client of the second SDK."""
        used = credential or self.accounts.root
        config = oss_v2.config.load_default()
        config.credentials_provider = oss_v2.credentials.StaticCredentialsProvider(
            used.access_key_id, used.access_key_secret, used.security_token
        )
        config.region, config.endpoint, config.retry_max_attempts = region, self.url, 1
        config.http_client = self.second_session
        for name, value in settings.items():
            setattr(config, name, value)
        return oss_v2.Client(config)

    def role(self, name: str, *policies: str) -> Credential:
        """A temporary credential of a role with these policies."""
        self.policies[name] = list(policies)
        credential, _ = self.accounts.open_session(
            role_name=name, session_name="test", duration=datetime.timedelta(hours=1)
        )
        return credential


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC))


@pytest.fixture
def start(tmp_path: Path, clock: ManualClock) -> Iterator[Callable[[], Server]]:
    """Start a server on the test's directory; a second call is a restart on the same data."""
    running: list[tuple[Server, threading.Thread, web.AppRunner]] = []

    def stop() -> None:
        while running:
            server, thread, runner = running.pop()
            server.close_clients()
            server.run(runner.cleanup())
            server.loop.call_soon_threadsafe(server.loop.stop)
            thread.join(timeout=10)
            server.loop.close()
            server.storage.close()

    store = Store(None)
    accounts, policies = Accounts(store, clock), dict[str, list[str]]()

    def begin() -> Server:
        stop()
        authorizer = Authorizer(lambda role: policies.get(role, []))
        storage = ObjectStorage(accounts, authorizer, tmp_path / "oss", clock)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="oss-test-server")
        thread.start()
        server = Server("", storage, accounts, clock, policies, loop)
        runner = web.AppRunner(_application(storage), auto_decompress=False, access_log=None)
        server.run(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        server.run(site.start())
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        running.append((server, thread, runner))
        return server

    yield begin
    stop()
    store.close()


@pytest.fixture
def server(start: Callable[[], Server]) -> Server:
    return start()


@pytest.fixture
def bucket(server: Server) -> oss2.Bucket:
    """An empty bucket."""
    made = server.bucket("test-bucket")
    made.create_bucket()
    return made


def _application(storage: ObjectStorage) -> web.Application:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", storage.handle)
    return application
