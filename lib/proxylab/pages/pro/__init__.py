"""The page on PRO: one module a section, `policies` for what they share."""
