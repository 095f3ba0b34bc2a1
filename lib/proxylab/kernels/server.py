"""The kernel server of a batch: it imports the slow libraries once and forks a kernel a request.

Every run of a batch otherwise spends about ten seconds of processor time on the same imports. What
is imported is other people's code only, never proxylab, so that an edited library is always read
afresh. This file is therefore run by its path, with the names of the libraries as arguments, and
itself imports nothing but the standard library.

Forking is safe because the process has one thread and has run no torch operation; it refuses to
serve otherwise. It executes one thing, ipykernel's launcher, for whoever can open its socket, which
lies in a folder that only its user can enter. A conversation is one connection (SOCK_SEQPACKET, so
a message is a packet): the server sends what it was started with; the client, if that fits, the
kernel's arguments with two file descriptors; the server the process id, and later the exit status.
Left out: anything but Linux, and accelerators, whose state does not survive a fork.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import selectors
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

LAUNCHER = ["-m", "ipykernel_launcher"]
MESSAGE_BYTES = 2**20

IMPORT_SETTINGS = {
    # ipykernel sets this before a notebook can import matplotlib; here matplotlib comes first
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    # pyarrow's allocator otherwise starts a thread
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}


@dataclass(frozen=True)
class Request:
    """A kernel to become: its arguments, environment, folder, and where its output goes."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    output: int
    errors: int

    @classmethod
    def read(cls, message: bytes, descriptors: list[int]) -> "Request":
        """Return the request in a message; raises ValueError unless it is for the launcher."""
        fields = json.loads(message)
        if fields["arguments"][:2] != LAUNCHER:
            raise ValueError(f"this server runs `{' '.join(LAUNCHER)}` and nothing else")
        output, errors = descriptors
        return cls(**fields, output=output, errors=errors)


@dataclass
class Kernel:
    """A forked kernel, kept until it has ended and its client has hung up."""

    pid: int
    pidfd: int  # readable when the process has ended
    ended: bool = False
    wanted: bool = True


class Server:
    """Forks kernels until the batch has ended and the last kernel with it.

    Arguments: `listener`, a listening socket; `batch`, the reading end of a pipe whose other end
    the batch holds; `greeting`, what every client is sent.
    """

    def __init__(self, listener: socket.socket, batch: int, greeting: bytes):
        self.listener, self.greeting = listener, greeting
        self.listening, self.n_kernels = True, 0
        self.selector = selectors.DefaultSelector()
        self._watch(listener, self._greet)
        self._watch(batch, self._stop_listening)

    def serve(self) -> Request | None:
        """Return None at the end, or, in a forked child, the request it is to become."""
        while self.listening or self.n_kernels:
            for key, _ in self.selector.select():
                if key.fd not in self.selector.get_map():
                    continue  # what came just before has closed it
                request = key.data(key.fileobj)
                if request is not None:
                    return request
        return None

    def _watch(self, file: Any, react: Callable[[Any], Request | None]) -> None:
        self.selector.register(file, selectors.EVENT_READ, react)

    def _stop_listening(self, batch: int) -> None:
        self.selector.unregister(batch)
        os.close(batch)
        self._forget(self.listener)
        self.listening = False

    def _greet(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # a client that has already given up
            connection, _ = listener.accept()
            connection.setblocking(False)
            self._watch(connection, self._hear)
            connection.send(self.greeting)

    def _hear(self, connection: socket.socket) -> Request | None:
        """Fork for a request; the child returns it. Without one the client has hung up."""
        message, descriptors = _received(connection)
        request = _request(message, descriptors) if message else None
        pid = None if request is None else _fork()
        if pid == 0:
            self._let_go()
            return request
        for descriptor in descriptors:
            os.close(descriptor)
        if pid is None:
            self._forget(connection)
        else:
            self._adopt(Kernel(pid, os.pidfd_open(pid)), connection)
        return None

    def _adopt(self, kernel: Kernel, connection: socket.socket) -> None:
        self.n_kernels += 1
        self.selector.modify(connection, selectors.EVENT_READ, partial(self._unwanted, kernel))
        self._watch(kernel.pidfd, partial(self._ended, kernel, connection))
        _tell(connection, {"pid": kernel.pid})

    def _ended(self, kernel: Kernel, connection: socket.socket, pidfd: int) -> None:
        """Tell the client the exit status, as subprocess gives it: minus a signal's number."""
        self.selector.unregister(pidfd)
        kernel.ended = True
        # Left unreaped while the client can still signal it, so that nobody else gets its number.
        end = os.waitid(os.P_PID, kernel.pid, os.WEXITED | os.WNOWAIT)
        status = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
        if kernel.wanted:
            _tell(connection, {"returncode": status})
        else:
            self._bury(kernel)

    def _unwanted(self, kernel: Kernel, connection: socket.socket) -> None:
        """End the kernel of a client that has hung up, if it has not ended already."""
        self._forget(connection)
        kernel.wanted = False
        if kernel.ended:
            self._bury(kernel)
            return
        try:
            os.killpg(kernel.pid, signal.SIGKILL)
        except ProcessLookupError:  # forked, but not yet the leader of its group
            os.kill(kernel.pid, signal.SIGKILL)

    def _bury(self, kernel: Kernel) -> None:
        os.waitpid(kernel.pid, 0)
        os.close(kernel.pidfd)
        self.n_kernels -= 1

    def _forget(self, connection: socket.socket) -> None:
        self.selector.unregister(connection)
        connection.close()

    def _let_go(self) -> None:
        """Close, in a child, what belongs to the server."""
        for key in list(self.selector.get_map().values()):
            os.close(key.fd) if isinstance(key.fileobj, int) else key.fileobj.close()
        self.selector.close()


def _received(connection: socket.socket) -> tuple[bytes, list[int]]:
    try:
        message, descriptors, _, _ = socket.recv_fds(connection, MESSAGE_BYTES, 2)
    except OSError:
        return b"", []
    return message, descriptors


def _request(message: bytes, descriptors: list[int]) -> Request | None:
    try:
        return Request.read(message, descriptors)
    except (ValueError, KeyError, TypeError) as error:
        _say(f"a request was refused: {error}")
        return None


def _fork() -> int | None:
    try:
        return os.fork()
    except OSError as error:
        _say(f"no kernel could be forked: {error}")
        return None


def _tell(connection: socket.socket, facts: dict[str, int]) -> None:
    with contextlib.suppress(OSError):  # a client that is gone is heard of next
        connection.send(json.dumps(facts).encode())


def _say(line: str) -> None:
    print(f"kernel server: {line}", file=sys.stderr, flush=True)


def import_all(names: list[str], batch: int) -> bool:
    """Import them; return False if the batch ended meanwhile or a thread makes forking unsafe."""
    # ipykernel reads JPY_PARENT_PID when it is imported, and ends with the process it names
    os.environ.update(IMPORT_SETTINGS | os.environ, JPY_PARENT_PID=str(os.getpid()))
    for name in names:
        importlib.import_module(name)
        if select.select([batch], [], [], 0)[0]:
            return False
    if (n_threads := len(list(Path("/proc/self/task").iterdir()))) > 1:
        _say(f"{n_threads} threads run after the imports, so kernels start the ordinary way")
        return False
    gc.collect()
    gc.freeze()  # a collection in a child would otherwise copy every page of what it inherited
    return True


def become_kernel(request: Request, started_with: dict[str, str]) -> None:
    """Turn this forked process into what `python -m ipykernel_launcher ...` would have been."""
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with Path(os.devnull).open() as nothing:
        for source, place in ((nothing.fileno(), 0), (request.output, 1), (request.errors, 2)):
            os.dup2(source, place)
    os.close(request.output)
    os.close(request.errors)
    os.chdir(request.folder)
    _set_environment(request.environment, started_with)
    if not sys.flags.safe_path:
        sys.path.insert(0, request.folder)
    _seed_again()
    sys.argv[1:] = request.arguments[2:]
    runpy.run_module(LAUNCHER[1], run_name="__main__", alter_sys=True)


def _set_environment(given: dict[str, str], started_with: dict[str, str]) -> None:
    """Give the process the client's environment and what the imports have added to the server's."""
    known = {*started_with, *IMPORT_SETTINGS}
    added = {name: value for name, value in os.environ.items() if name not in known}
    os.environ.clear()
    os.environ.update(added | given, JPY_PARENT_PID=str(os.getppid()))
    tempfile.tempdir = None


def _seed_again() -> None:
    """Seed from the system the generators that a fresh process seeds so when it imports them."""
    if numpy_random := sys.modules.get("numpy.random"):
        numpy_random.seed()
    if torch := sys.modules.get("torch"):
        torch.seed()
    if fingerprint := sys.modules.get("datasets.fingerprint"):
        fingerprint.fingerprint_rng.seed()


def main() -> None:
    """Serve, given a socket, the batch's pipe, the folder to remove at the end, and libraries."""
    listener, batch, folder = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), sys.argv[3]
    libraries = sys.argv[4:]
    server, started_with = os.getpid(), dict(os.environ)
    greeting = {"executable": sys.executable, "environment": started_with}
    if not sys.flags.safe_path:
        del sys.path[0]  # this file's folder: a kernel does not see it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    request = None
    try:
        if import_all(libraries, batch):
            request = Server(listener, batch, json.dumps(greeting).encode()).serve()
        if request is not None:
            become_kernel(request, started_with)
    finally:
        if os.getpid() == server:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
