"""`pulumi-language-python`: the engine's language host for Python programs.

It answers the engine's questions about a program and runs it in the project's own interpreter, as a child process.
"""

# ruff: noqa: N802 - methods have the names of the protocol
from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from sandbox.errors import SandboxError
from sandbox.pulumi.children import Children
from sandbox.pulumi.interpreter import Interpreter, PulumiPackage, distributions, find_interpreter, pulumi_packages
from sandbox.pulumi.plugin_process import serve
from sandbox.pulumi.run_program import FAILED_AND_SAID_WHY, INTERRUPTED

RUN_PROGRAM = Path(__file__).resolve().parent / "run_program.py"
THREADS = 16


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """The engine's calls. A SandboxError becomes one clean diagnostic."""

    def __init__(self, version: str, engine_address: str, children: Children) -> None:
        self._version = version
        self._engine_address = engine_address
        self._children = children

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The engine's address, where it was not an argument."""
        self._engine_address = request.engine_address or self._engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The version of the official language host that this one stands in for."""
        return plugin_pb2.PluginInfo(version=self._version)

    def About(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Which interpreter runs the program; shown by `pulumi about`."""
        interpreter = _interpreter(request.info, context)
        version = _version(interpreter)
        return language_pb2.AboutResponse(
            executable=str(interpreter.python), version=version, metadata={"virtualenv": _environment_name(interpreter)}
        )

    def RuntimeOptionsPrompts(self, request: Any, context: grpc.ServicerContext) -> Any:
        """What `pulumi new` should ask: nothing beyond what Pulumi.yaml says."""
        return language_pb2.RuntimeOptionsResponse()

    def Template(self, request: Any, context: grpc.ServicerContext) -> Any:
        """A template needs no change."""
        return language_pb2.TemplateResponse()

    def GetRequiredPlugins(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The older form of GetRequiredPackages."""
        packages = _packages(_interpreter(request.info, context), context)
        return language_pb2.GetRequiredPluginsResponse(
            plugins=[
                plugin_pb2.PluginDependency(name=row.name, kind="resource", version=row.version, server=row.server)
                for row in packages
                if row.parameterization is None
            ]
        )

    def GetRequiredPackages(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The provider plugins that the installed SDKs want; the engine installs the ones it lacks."""
        packages = _packages(_interpreter(request.info, context), context)
        return language_pb2.GetRequiredPackagesResponse(packages=[_dependency(row) for row in packages])

    def GetProgramDependencies(self, request: Any, context: grpc.ServicerContext) -> Any:
        """What is installed in the project's environment; all of it, since pip keeps no list of what was asked for."""
        interpreter = _interpreter(request.info, context)
        rows = [row for folder in interpreter.site_packages() for row in distributions(folder)]
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[
                language_pb2.DependencyInfo(name=name.replace("_", "-"), version=version) for name, version in rows
            ]
        )

    def InstallDependencies(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """Make the virtual environment of Pulumi.yaml and install requirements.txt into it; streams what pip says."""
        root = Path(request.info.root_directory or request.info.program_directory or request.directory)
        options = json_format.MessageToDict(request.info.options)
        requirements = root / "requirements.txt"
        commands: list[list[str]] = []
        virtual_environment = str(options.get("virtualenv") or "")
        python = root / virtual_environment / "bin" / "python" if virtual_environment else Path(sys.executable)
        if virtual_environment and not python.exists():
            commands.append([sys.executable, "-m", "venv", str(root / virtual_environment)])
        if requirements.exists():
            commands.append(
                [str(python), "-m", "pip", "install", "--disable-pip-version-check", "-r", str(requirements)]
            )
        for command in commands:
            yield language_pb2.InstallDependenciesResponse(stdout=f"{' '.join(command)}\n".encode())
            process = self._children.start(command, root, None, capture=True)
            for name, line in self._children.output(process):
                yield language_pb2.InstallDependenciesResponse(**{name: line})
            if self._children.wait(process) != 0:
                context.abort(grpc.StatusCode.UNKNOWN, f"`{' '.join(command)}` failed; its reason stands above")

    def Run(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Run the program to its end. The answer has `bail` set when the program has said itself why it failed."""
        try:
            interpreter = find_interpreter(_root(request.info), json_format.MessageToDict(request.info.options))
        except SandboxError as error:
            return language_pb2.RunResponse(error=str(error))
        engine = request.args[0] if request.args else self._engine_address
        process = self._children.start(
            [str(interpreter.python), "-u", str(RUN_PROGRAM)],
            Path(request.pwd),
            interpreter.environment(os.environ),
            stdin=json.dumps(_program(request, engine)).encode(),
        )
        context.add_callback(lambda: self._children.end(process))
        status = self._children.wait(process)
        if status == 0:
            return language_pb2.RunResponse()
        if status in (FAILED_AND_SAID_WHY, INTERRUPTED) or not context.is_active():
            return language_pb2.RunResponse(bail=True)
        return language_pb2.RunResponse(error=_ending(status))

    def RunPlugin(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """Run a plugin written in Python (a policy pack, a provider); streams its output, the exit status last."""
        interpreter = _interpreter(request.info, context)
        program = request.info.program_directory
        arguments = list(request.args)
        command = [str(interpreter.python), "-u"]
        command += ["-m", "pulumi.policy", *arguments, program] if request.kind == "analyzer" else [program, *arguments]
        variables = dict(line.partition("=")[::2] for line in request.env) if request.env else dict(os.environ)
        process = self._children.start(
            command, Path(request.pwd or program), interpreter.environment(variables), capture=True
        )
        context.add_callback(lambda: self._children.end(process))
        for name, line in self._children.output(process):
            yield language_pb2.RunPluginResponse(**{name: line})  # type: ignore[arg-type] # one of stdout and stderr
        yield language_pb2.RunPluginResponse(exitcode=self._children.wait(process))

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        """End what runs, gently."""
        self._children.end_all()
        return empty_pb2.Empty()


def _root(info: Any) -> Path:
    return Path(info.root_directory or info.program_directory)


def _interpreter(info: Any, context: grpc.ServicerContext) -> Interpreter:
    try:
        return find_interpreter(_root(info), json_format.MessageToDict(info.options))
    except SandboxError as error:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))


def _packages(interpreter: Interpreter, context: grpc.ServicerContext) -> list[PulumiPackage]:
    try:
        return pulumi_packages(interpreter)
    except SandboxError as error:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))


def _dependency(row: PulumiPackage) -> Any:
    dependency = plugin_pb2.PackageDependency(name=row.name, kind="resource", version=row.version, server=row.server)
    if row.parameterization is not None:
        json_format.ParseDict(dict(row.parameterization), dependency.parameterization)
    return dependency


def _version(interpreter: Interpreter) -> str:
    """Read from the environment's own record where there is one: asking the interpreter takes longer."""
    if interpreter.virtual_environment is not None:
        record = interpreter.virtual_environment / "pyvenv.cfg"
        for line in record.read_text().splitlines() if record.exists() else ():
            key, _, value = line.partition("=")
            if key.strip() in ("version", "version_info"):
                return ".".join(value.strip().split(".")[:3])
    try:
        return interpreter.answer("import platform; print(platform.python_version())")
    except SandboxError:
        return ""


def _environment_name(interpreter: Interpreter) -> str:
    return str(interpreter.virtual_environment) if interpreter.virtual_environment else "none"


def _program(request: Any, engine: str) -> dict[str, Any]:
    entry_point = request.info.entry_point or "."
    program = Path(os.path.normpath(Path(request.info.program_directory) / entry_point))
    return {
        "program": str(program),
        "arguments": [],
        "directory": request.pwd,
        "root_directory": str(_root(request.info)),
        "monitor": request.monitor_address,
        "engine": engine,
        "project": request.project,
        "stack": request.stack,
        "organization": request.organization or "organization",
        "parallel": request.parallel,
        "preview": request.dryRun,
        "configuration": dict(request.config),
        "secret_keys": list(request.configSecretKeys),
    }


def _ending(status: int) -> str:
    if status < 0:
        return f"the program was ended by signal {-status}"
    return f"the program ended with exit status {status}"


def main(version: str, arguments: list[str]) -> None:
    """Serve until the engine is done. The engine's address is the last argument, if it is given."""
    children = Children()
    host = LanguageHost(version, arguments[-1] if arguments else "", children)
    serve(
        lambda server: language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server), children.end_all, THREADS
    )
