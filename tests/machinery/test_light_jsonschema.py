import importlib.util
import subprocess
import sys

import pytest

ASK = "import {}, jsonschema, sys; print('rfc3987_syntax' in sys.modules)"


def grammar_is_loaded(module):
    done = subprocess.run(
        [sys.executable, "-c", ASK.format(module)], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.skipif(
    importlib.util.find_spec("rfc3987_syntax") is None, reason="rfc3987_syntax is not installed"
)
def test_the_runner_goes_without_the_grammar_that_nbformat_brings():
    assert grammar_is_loaded("nbformat") == "True"  # else the module has no purpose any more
    assert grammar_is_loaded("proxylab.runner") == "False"
