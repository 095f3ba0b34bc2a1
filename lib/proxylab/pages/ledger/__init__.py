"""The reproduction ledger: every table, figure, equation and claim of both papers, a row each."""
