"""`swipr backbone pull|list|use|check`: the commands; `backbone_work` does what they say."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The networks that photos are seen by: fetch, list, change, check.", no_args_is_help=True)
DataFolder = Annotated[Path, typer.Option("--data", help="Where everything is kept; private to you.")]
Weights = Annotated[
    Path | None,
    typer.Option("--weights", envvar="SWIPR_WEIGHTS", help="A folder of weights to read from, instead of the network."),
]
Mirror = Annotated[
    str | None,
    typer.Option("--from", envvar="SWIPR_BACKBONE_URL", help="A mirror of the pinned file; its sha256 stays pinned."),
]
DEFAULT_DATA = Path(".swipr")
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, errors too.")]


@app.command()
def pull(
    data: DataFolder = DEFAULT_DATA,
    weights: Weights = None,
    mirror: Mirror = None,
    photos: Annotated[
        Path | None, typer.Option(help="Photos to measure reference statistics on, instead of those shipped.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch the recommended backbone (4 MB), check it against its pinned sha256, and convert it."""
    from cli import backbone_work

    raise typer.Exit(
        backbone_work.answered(
            lambda screen: backbone_work.pull(screen, data, weights, mirror, photos), as_json=as_json
        )
    )


@app.command("list")
def list_(data: DataFolder = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """List the built-in and the installed backbones, and who uses them."""
    from cli import backbone_work

    raise typer.Exit(backbone_work.answered(lambda screen: backbone_work.list_(screen, data), as_json=as_json))


@app.command()
def use(
    name: Annotated[str, typer.Argument(help="As `swipr backbone list` names it, or a backbone's folder.")],
    data: DataFolder = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Change the backbone: labels whose photos are kept are embedded anew, the others are named. Stop Swipr first."""
    from cli import backbone_work

    raise typer.Exit(backbone_work.answered(lambda screen: backbone_work.use(screen, data, name), as_json=as_json))


@app.command()
def check(
    name: Annotated[str | None, typer.Argument(help="Only this one; left out, all.")] = None,
    data: DataFolder = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Verify every hash and run a golden picture through each network. Exit status 1 if one is not sound."""
    from cli import backbone_work

    raise typer.Exit(backbone_work.answered(lambda screen: backbone_work.check(screen, data, name), as_json=as_json))
