"""The page on SHF-CAS: one module a section, `rows` for what they share."""
