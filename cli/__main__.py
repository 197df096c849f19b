"""`python -m cli` is `swipr`."""

from cli.main import app

app()
