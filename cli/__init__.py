"""The `swipr` command."""
