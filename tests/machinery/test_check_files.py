import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_files.py"


def check(*files):
    command = [sys.executable, SCRIPT, *files]
    return subprocess.run(command, capture_output=True, text=True)


def test_small_files_pass_and_large_ones_and_keys_do_not(tmp_path):
    small, large, key = (tmp_path / name for name in ("small.bin", "large.bin", "key.pem"))
    small.write_bytes(b"x" * 1_000_000)
    large.write_bytes(b"x" * 1_000_001)
    key.write_text("-----BEGIN OPENSSH " + "PRIVATE KEY-----\n")
    assert check(small).returncode == 0
    done = check(small, large, key)
    assert done.returncode == 1
    assert "large.bin: 1.0 MB" in done.stderr
    assert "key.pem: holds a private key" in done.stderr
    assert "small.bin" not in done.stderr
