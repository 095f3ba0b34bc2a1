"""The page that works PACS, the Kendall-Tau distance and SHF-CAS through on two prompts."""
