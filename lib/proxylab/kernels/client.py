"""A kernel from the batch's kernel server where there is one, else an ordinary kernel.

The environment variable PROXYLAB_KERNELS names the server's socket; `start_server` sets it. The
numbers are the same either way, because a kernel is forked only if the server was started with this
process's interpreter and environment: what those settings change is settled when a library is
imported. Left out: anything but Linux (forking after these imports is not safe on macOS).
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

from proxylab.kernels.libraries import LIBRARIES

VARIABLE = "PROXYLAB_KERNELS"
SERVER = Path(__file__).with_name("server.py")
MESSAGE_BYTES = 2**20
READY_TIMEOUT = 60  # seconds; a server that is still importing lets its clients wait

# Variables that no library reads when it is imported, and that differ from job to job.
FREE_VARIABLES = frozenset(
    ("PWD", "OLDPWD", "SHLVL", "_", "TMPDIR", "TMP", "TEMP", "TEMPDIR", "JPY_PARENT_PID")
)
FREE_PREFIXES = ("PROXYLAB_", "JPY_SESSION")


class NoWarmKernel(RuntimeError):
    """Why the server gives no kernel."""


class ForkedKernel:
    """The handle of a forked kernel, with what jupyter_client uses of subprocess.Popen.

    The kernel is the server's child, so its exit status arrives over the connection; hanging up
    ends a kernel that is still running.
    """

    stdin = stdout = stderr = None

    def __init__(self, pid: int, connection: socket.socket):
        self.pid, self.connection = pid, connection
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, minus the signal's number if one ended it; None while it runs."""
        return self._status_within(0)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status once it is there; raises TimeoutExpired after `timeout` s."""
        if self._status_within(timeout) is None:
            raise subprocess.TimeoutExpired("kernel", timeout)
        return self.returncode

    def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the kernel."""
        self.send_signal(signal.SIGKILL)

    def _status_within(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self.connection], [], [], timeout)[0]:
            try:
                self.returncode = _answer(self.connection)["returncode"]
            except ConnectionError:  # the server has died, and its kernels end with their parent
                self.returncode = -signal.SIGKILL
            self.connection.close()
        return self.returncode


class WarmProvisioner(LocalProvisioner):
    """Starts a kernel through the server, or as its parent class does."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        """Start the kernel and return how to connect to it."""
        try:
            folder = str(kwargs.get("cwd") or Path.cwd())
            self.process = fork_kernel(cmd, kwargs["env"], folder)
        except NoWarmKernel as reason:
            if VARIABLE in os.environ:
                print(f"proxylab: an ordinary kernel is started: {reason}", file=sys.stderr)
            return await super().launch_kernel(cmd, **kwargs)
        self.pid = self.pgid = self.process.pid  # the kernel leads a group of its own
        self.cwd = folder
        return self.connection_info


# jupyter_client finds provisioners by name among the installed ones; this one is added here.
PROVISIONER = "proxylab-warm"
KernelProvisionerFactory.provisioners[PROVISIONER] = EntryPoint(
    PROVISIONER, f"{__name__}:{WarmProvisioner.__name__}", KernelProvisionerFactory.GROUP_NAME
)


def fork_kernel(command: list[str], environment: Mapping[str, str], folder: str) -> ForkedKernel:
    """Return a kernel forked by the server that PROXYLAB_KERNELS names.

    Arguments: the kernel's command line, environment and folder, as an ordinary kernel has them.
    Its output goes where this process's goes. Raises NoWarmKernel where there is no server, it does
    not answer, or it was started differently.
    """
    path = os.environ.get(VARIABLE)
    if not path:
        raise NoWarmKernel(f"{VARIABLE} names no server")
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(READY_TIMEOUT)
    try:
        connection.connect(path)
        _check_fits(_answer(connection), command, environment)
        request = {"arguments": command[1:], "environment": dict(environment), "folder": folder}
        socket.send_fds(connection, [json.dumps(request).encode()], [1, 2])
        return ForkedKernel(_answer(connection)["pid"], connection)
    except OSError as error:
        connection.close()
        raise NoWarmKernel(f"the kernel server does not answer ({error})") from None
    except BaseException:
        connection.close()
        raise


def _check_fits(
    greeting: dict[str, Any], command: list[str], environment: Mapping[str, str]
) -> None:
    """Raise NoWarmKernel unless a kernel forked by this server is the one that is asked for."""
    if greeting["executable"] != command[0]:
        raise NoWarmKernel("the kernel server runs another interpreter")
    ours, theirs = _settings(environment), _settings(greeting["environment"])
    if differing := sorted(name for name, _ in ours.items() ^ theirs.items()):
        named = ", ".join(dict.fromkeys(differing))
        raise NoWarmKernel(f"the kernel server was started with other values of {named}")


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name not in FREE_VARIABLES and not name.startswith(FREE_PREFIXES)
    }


def _answer(connection: socket.socket) -> dict[str, Any]:
    """Return the server's next message; raises ConnectionError if it has hung up."""
    message = connection.recv(MESSAGE_BYTES)
    if not message:
        raise ConnectionAbortedError("it has hung up")
    return json.loads(message)


@dataclass(frozen=True)
class KernelServer:
    """A running server; it ends when `batch`, a pipe's end that only this process has, closes."""

    process: subprocess.Popen
    socket_path: Path
    batch: int

    def stop(self) -> None:
        """Let the server end as soon as it has no kernel left, and wait for that."""
        os.close(self.batch)
        self.process.wait()


def can_serve() -> bool:
    """Whether kernels may be forked here: on Linux, without a GPU, whose state no fork inherits."""
    devices = ("/dev/nvidiactl", "/dev/kfd")
    return sys.platform.startswith("linux") and not any(Path(device).exists() for device in devices)


def start_server(
    settings: Mapping[str, str] | None = None, *, libraries: Sequence[str] = LIBRARIES
) -> KernelServer:
    """Start a kernel server for this process and those it starts, and set PROXYLAB_KERNELS.

    Arguments: `settings` are variables that the processes started later will have and this one
    has not; `libraries` are the modules to import. Returns at once: clients wait for the imports.
    The server ends with this process, even if this one is killed.
    """
    # Only this user can enter the folder. A socket's path holds 107 bytes at most.
    place = tempfile.gettempdir()
    folder = tempfile.mkdtemp(prefix="proxylab-", dir=place if len(place) < 60 else "/tmp")
    path = Path(folder) / "kernels.sock"
    end, batch = os.pipe()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(128)
        process = subprocess.Popen(
            [sys.executable, SERVER, str(listener.fileno()), str(end), folder, *libraries],
            env={**os.environ, **(settings or {})},
            stdin=subprocess.DEVNULL,
            pass_fds=(listener.fileno(), end),
            start_new_session=True,  # an interrupt from the keyboard is for the batch
        )
    os.close(end)
    os.environ[VARIABLE] = str(path)
    return KernelServer(process, path, batch)
