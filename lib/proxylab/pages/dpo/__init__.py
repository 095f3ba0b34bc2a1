"""The page on DPO and data quality: one module a section, `policies` for what they share."""
