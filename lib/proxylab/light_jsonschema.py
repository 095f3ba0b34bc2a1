"""Import jsonschema without a grammar that takes longer than all the rest of `proxylab run`.

Wherever the package rfc3987_syntax is installed (JupyterLab brings it), jsonschema imports it to
check internationalised addresses, and it compiles their grammar each time: 1.5 s before a notebook
can be read, for a format that no notebook's schema has. Import this before nbformat. jsonschema
treats the package as optional; in this process it goes without.
"""

import sys

GRAMMAR = "rfc3987_syntax"

if "jsonschema" not in sys.modules and GRAMMAR not in sys.modules:
    sys.modules[GRAMMAR] = None  # what Python documents for "this import fails"
    import jsonschema  # noqa: F401

    del sys.modules[GRAMMAR]
