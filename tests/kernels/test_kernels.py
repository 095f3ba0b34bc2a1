"""Kernels forked from a server that has imported the libraries, against ordinary ones."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from proxylab import runner
from proxylab.kernels import client
from proxylab.kernels.libraries import LIBRARIES

pytestmark = pytest.mark.skipif(not client.can_serve(), reason="Linux without a GPU only")

# A quick list: what a kernel is itself, and what the cells below compute and draw with.
QUICK = ("ipykernel.kernelapp", "ipykernel.zmqshell", "numpy.random", "torch", "matplotlib.pyplot")
LAUNCH = [sys.executable, "-m", "ipykernel_launcher"]
PARENT = "import os\nprint(os.getppid())"
SEEDED = """
import torch
torch.manual_seed(3)
weights = torch.randn(40, 40, requires_grad=True)
(weights @ weights).logsumexp(0).std().backward()
print(weights.grad.double().sum().item().hex())
"""
SURROUNDINGS = """
import os, sys, signal
own = ("JPY_PARENT_PID", "PROXYLAB_KERNELS", "KMP_INIT_AT_FORK", "KMP_DUPLICATE_LIB_OK")
print(sorted((name, value) for name, value in os.environ.items() if name not in own))
print(sys.path, sys.executable, sys.flags, os.getcwd(), sys.argv[0], len(sys.argv), __name__)
print(signal.getsignal(signal.SIGTERM), os.getsid(0) == os.getpid(), sys.stdin.closed)
print("proxylab" in sys.modules)
"""
FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2, 4]);"
WAITING = """
import os, pathlib, time
pathlib.Path("kernel.pid.part").write_text(str(os.getpid()))
os.rename("kernel.pid.part", "kernel.pid")
time.sleep(60)
"""


@pytest.fixture(scope="module", autouse=True)
def module_server():
    """One server for the room, named only to the tests that ask for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTEST_CURRENT_TEST", raising=False)
        patch.setenv(client.VARIABLE, "")
        server = client.start_server(libraries=QUICK)
    yield server
    server.stop()


@pytest.fixture
def server(module_server, monkeypatch):
    """The server, named in the environment."""
    monkeypatch.setenv(client.VARIABLE, str(module_server.socket_path))
    return module_server


@pytest.fixture(autouse=True)
def ordinary(monkeypatch):
    monkeypatch.delenv(client.VARIABLE, raising=False)


def page(project, *cells):
    path = project / "notebooks" / "pages" / "tiny.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    made = [nbformat.v4.new_code_cell(source.strip()) for source in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata=kernel), path)
    return path


def outputs(project, *cells):
    """What each cell leaves when the page is executed: its text, or its picture."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTEST_CURRENT_TEST", raising=False)  # it changes from test to test
        executed = nbformat.read(runner.execute_page(page(project, *cells)), as_version=4)
    left = [cell.outputs for cell in executed.cells]
    return ["".join(o.get("text") or o["data"]["image/png"] for o in cell) for cell in left]


def forked(*arguments, environment=None):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTEST_CURRENT_TEST", raising=False)
        given = dict(os.environ) if environment is None else environment
        return client.fork_kernel([*LAUNCH, *arguments], given, str(Path.cwd()))


def wait_until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.02)


def is_gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_forked_kernel_leaves_what_an_ordinary_one_leaves(project, module_server, monkeypatch):
    cells = (PARENT, SURROUNDINGS, SEEDED, FIGURE)
    ordinary = outputs(project, *cells)
    monkeypatch.setenv(client.VARIABLE, str(module_server.socket_path))
    warm = outputs(project, *cells)
    # only the parent tells that the second was forked
    assert (int(ordinary[0]), int(warm[0])) == (os.getpid(), module_server.process.pid)
    assert warm[1:] == ordinary[1:]
    assert warm[1].endswith("False\n")  # proxylab is read afresh


def test_unseeded_numbers_differ_between_kernels(project, server):
    draw = "import numpy, random, torch\nprint(numpy.random.rand(), random.random(), torch.rand(1))"
    first, second = outputs(project, draw)[0].split(), outputs(project, draw)[0].split()
    # each of the three is drawn from a fresh state; a fork's would otherwise be the server's
    assert all(a != b for a, b in zip(first, second, strict=True))


def test_a_kernel_that_dies_is_reported_dead(project, server):
    with pytest.raises(runner.NotebookFailed, match="the kernel died"):
        outputs(project, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")


def test_an_exit_status_arrives_as_from_subprocess(server):
    # ipykernel prints its version and ends well; an option it does not know ends it with 1 or 2
    assert forked("--version").wait(timeout=20) == 0
    strange = subprocess.run([*LAUNCH, "--no-such"], capture_output=True).returncode
    assert forked("--no-such").wait(timeout=20) == strange != 0


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_a_kernel_can_be_ended_by_its_handle(server, tmp_path, end):
    kernel = forked("-f", str(tmp_path / "kernel.json"), "--log-level=50")
    wait_until((tmp_path / "kernel.json").is_file)
    assert kernel.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        kernel.wait(timeout=0.01)
    getattr(kernel, end)()
    signum = {"kill": signal.SIGKILL, "terminate": signal.SIGTERM}[end]
    assert kernel.wait(timeout=20) == kernel.poll() == -signum
    kernel.send_signal(signal.SIGKILL)  # to nobody, and no error


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_a_kernel_ends_with_its_client(project, server, signum):
    environment = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    command = [sys.executable, "-m", "proxylab", "page", str(page(project, WAITING))]
    # What a shell starts in the background ignores interrupts, and hands that down.
    heeds = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    run = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, **heeds)
    wait_until((project / "kernel.pid").is_file, 30)
    kernel = int((project / "kernel.pid").read_text())
    assert psutil.Process(kernel).ppid() == server.process.pid
    run.send_signal(signum)
    run.wait(timeout=20)
    wait_until(lambda: is_gone(kernel))
    assert forked("--version").wait(timeout=20) == 0  # the server goes on


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "HF_HUB_OFFLINE", "PYTHONPATH"])
def test_another_environment_gets_an_ordinary_kernel(project, server, monkeypatch, capfd, name):
    monkeypatch.setenv(name, "2")
    assert int(outputs(project, PARENT)[0]) == os.getpid()
    assert f"started with other values of {name}\n" in capfd.readouterr().err


def test_without_an_answer_an_ordinary_kernel_starts(project, monkeypatch, capfd, tmp_path):
    monkeypatch.setenv(client.VARIABLE, str(tmp_path / "nobody.sock"))
    assert int(outputs(project, PARENT)[0]) == os.getpid()
    assert "an ordinary kernel is started: the kernel server does not answer" in (
        capfd.readouterr().err
    )


def test_the_server_runs_nothing_but_the_launcher_and_outlives_its_clients(server, capfd):
    environment = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    with pytest.raises(client.NoWarmKernel, match="hung up"):
        client.fork_kernel([sys.executable, "-c", "print(1)"], environment, "/")
    for message in (None, b"{", b"[]", b'{"arguments": ["-m", "ipykernel_launcher"]}'):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as broken:
            broken.connect(str(server.socket_path))
            if message is not None:
                broken.send(message)
    assert forked("--version").wait(timeout=20) == 0


def test_only_its_user_can_reach_the_server(module_server):
    path = module_server.socket_path
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


KILLED_BATCH = """
import os
from proxylab.kernels.client import start_server
server = start_server(libraries=["ipykernel"])
print(server.process.pid, server.socket_path, flush=True)
os.kill(os.getpid(), 9)
"""


def test_the_server_ends_with_a_batch_that_is_killed():
    done = subprocess.run([sys.executable, "-c", KILLED_BATCH], capture_output=True, text=True)
    pid, path = done.stdout.split()
    wait_until(lambda: is_gone(int(pid)))
    assert not Path(path).parent.exists()


def test_the_server_ends_when_it_is_asked_to(monkeypatch):
    monkeypatch.setenv(client.VARIABLE, "")
    server = client.start_server(libraries=["ipykernel"])
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as waiting:
        waiting.connect(str(server.socket_path))
        waiting.recv(client.MESSAGE_BYTES)  # it has imported, and serves
        server.process.terminate()
        assert server.process.wait(timeout=20) == 0
    assert not server.socket_path.parent.exists()
    os.close(server.batch)


@pytest.mark.slow
def test_the_libraries_of_a_batch_leave_one_thread_and_no_proxylab(monkeypatch):
    monkeypatch.setenv(client.VARIABLE, "")
    server = client.start_server(libraries=LIBRARIES)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as first:
        first.settimeout(60)
        first.connect(str(server.socket_path))
        assert first.recv(client.MESSAGE_BYTES)  # greeted: a server with two threads would end
    assert not any(name.startswith("proxylab") for name in LIBRARIES)
    server.stop()
    assert server.process.returncode == 0
