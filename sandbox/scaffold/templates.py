"""The text of what is scaffolded. `{{` and `}}` are braces of the generated code."""

from __future__ import annotations

MODEL_HEADER = '''"""Domain objects of the {service} service."""

from __future__ import annotations

import datetime

from pydantic import BaseModel, ConfigDict

'''

MODEL = '''

class {noun}(BaseModel):
    """A {words}: what it was made with, by parameter name."""

    model_config = ConfigDict(frozen=True)

    identifier: str
    region: str
    created: datetime.datetime
    properties: dict[str, str] = {{}}
'''

ERRORS_HEADER = '''"""The {service} service's own error codes."""

from __future__ import annotations

from sandbox.cloud.core.errors import CloudError

'''

ERRORS = '''

def {snake}_not_found(identifier: str) -> CloudError:
    """There is no such {words}."""
    return CloudError("Invalid{noun}Id.NotFound", f"The specified {words} {{identifier!r}} does not exist.", 404)
'''

API = '''"""The {service} service, API version {version}."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sandbox.cloud.core.context import Context
from sandbox.cloud.core.service import Answer, Call, Service, action


@dataclass
class {service}Service(Service):
    """{service}, as far as it is emulated."""

    name: ClassVar[str] = "{service}"
    version: ClassVar[str] = "{version}"
    hosts: ClassVar[tuple[str, ...]] = ("{package}",)

    context: Context
'''

IMPORTS = """from sandbox.cloud.{package}.errors import {snake}_not_found
from sandbox.cloud.{package}.model import {noun}
from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.paging import PAGING, page
from sandbox.cloud.core.regions import check_region, new_identifier
from sandbox.cloud.core.store import Repository
"""
"""All that an action may need; what it does not use is taken out again."""

REPOSITORY = 'Repository(self.context.store, "{package}-{snake}", {noun})'

FIND = """        repository = {repository}
        identifier = call.parameters.required("{noun}Id")
        found = repository.get(identifier)
        if found is None:
            raise {snake}_not_found(identifier)
"""

ACTIONS = {
    "make": '''
    @action("{action}", "{parameters}")
    def {method}(self, call: Call) -> Answer:
        """Make a {words}."""
        names = "{parameters}".split()
        {snake} = {noun}(
            identifier=new_identifier("{prefix}", check_region(call.region)),
            region=call.region,
            created=self.context.clock.now(),
            properties={{name: call.parameters.text(name) for name in names if call.parameters.given(name)}},
        )
        {repository}.put({snake}.identifier, {snake}, {snake}.region)
        return {{"{noun}Id": {snake}.identifier}}
''',
    "read": '''
    @action("{action}", "{noun}Id")
    def {method}(self, call: Call) -> Answer:
        """One {words}."""
{find}        fields = {{"{noun}Id": found.identifier, "RegionId": found.region, "CreateTime": iso(found.created)}}
        return {{**found.properties, **fields}}
''',
    "list": '''
    @action("{action}", PAGING)
    def {method}(self, call: Call) -> Answer:
        """A region's {words}s."""
        chosen, paging = page({repository}.list(call.region), call.parameters)
        listed = [{{**item.properties, "{noun}Id": item.identifier}} for item in chosen]
        return {{"{noun}s": {{"{noun}": listed}}, **paging}}
''',
    "change": '''
    @action("{action}", "{noun}Id {parameters}")
    def {method}(self, call: Call) -> Answer:
        """Change what is given of a {words}."""
{find}        names = "{parameters}".split()
        given = {{name: call.parameters.text(name) for name in names if call.parameters.given(name)}}
        changed = found.model_copy(update={{"properties": {{**found.properties, **given}}}})
        repository.put(identifier, changed, found.region)
        return {{}}
''',
    "remove": '''
    @action("{action}", "{noun}Id")
    def {method}(self, call: Call) -> Answer:
        """Delete a {words}."""
{find}        repository.delete(found.identifier)
        return {{}}
''',
}

TEST = '''"""{action} of the {service} service reads and writes its documents."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.cloud.{package}.model import {noun}
from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.core.parameters import Parameters
from sandbox.cloud.core.service import Call
from sandbox.cloud.core.store import Repository


def call(world: Any, **values: str) -> Any:
    service = next(service for service in world.cloud.services if service.name == "{service}")
    action = service.find("{action}")
    return action.handler(Call("cn-hangzhou", Parameters(values, action.honours), None, "request"))


def kept(world: Any) -> Repository[{noun}]:
    return Repository(world.cloud.context.store, "{package}-{snake}", {noun})


def put(world: Any) -> {noun}:
    now = world.cloud.context.clock.now()
    made = {noun}(identifier="one", region="cn-hangzhou", created=now, properties={{"{first}": "before"}})
    return kept(world).put("one", made, made.region)

'''

NOT_FOUND_TEST = """

def test_an_unknown_{snake}_is_the_services_own_error(world: Any) -> None:
    with pytest.raises(CloudError) as raised:
        call(world, {noun}Id="none")
    assert (raised.value.code, raised.value.status) == ("Invalid{noun}Id.NotFound", 404)
"""

TESTS = {
    "make": """
def test_what_was_made_is_kept_with_its_parameters(world: Any) -> None:
    identifier = call(world, {first}="value")["{noun}Id"]
    found = kept(world).get(identifier)
    assert found is not None
    assert (found.region, found.properties) == ("cn-hangzhou", {{"{first}": "value"}})


def test_an_unknown_region_is_refused(world: Any) -> None:
    service = next(service for service in world.cloud.services if service.name == "{service}")
    action = service.find("{action}")
    with pytest.raises(CloudError):
        action.handler(Call("nowhere", Parameters({{}}, action.honours), None, "request"))
""",
    "read": """
def test_what_is_kept_is_described(world: Any) -> None:
    put(world)
    answer = call(world, {noun}Id="one")
    assert (answer["{noun}Id"], answer["{first}"]) == ("one", "before")
""",
    "list": """
def test_what_is_kept_is_listed(world: Any) -> None:
    put(world)
    assert call(world)["TotalCount"] == 1
    with pytest.raises(CloudError):
        call(world, PageNumber="0")
""",
    "change": """
def test_only_what_is_given_changes(world: Any) -> None:
    put(world)
    call(world, {noun}Id="one", {first}="after")
    found = kept(world).get("one")
    assert found is not None
    assert found.properties == {{"{first}": "after"}}
""",
    "remove": """
def test_what_is_deleted_is_gone(world: Any) -> None:
    put(world)
    call(world, {noun}Id="one")
    assert kept(world).get("one") is None
""",
}
