"""The page on over-optimisation, a module a section; `rows`, `curves`, `fits` are shared."""
