"""The `swipr` command: `swipr --help` lists what it can do."""

from pathlib import Path
from typing import Annotated

import typer

from cli.client import ClientError, one_use_token
from cli.demo import USER

app = typer.Typer(
    help="Learns your taste in photos and swipes a deck by it: never twice, never over budget, never when off.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
DataFolder = Annotated[Path, typer.Option("--data", help="Where everything is kept; private to you.")]
DEFAULT_DATA = Path(".swipr")


@app.command()
def up(
    data: DataFolder = DEFAULT_DATA,
    port: Annotated[int, typer.Option(help="Port of the page on 127.0.0.1; 0 takes any free one.")] = 8470,
    empty: Annotated[bool, typer.Option("--empty", help="Start without the demo and its simulator.")] = False,
    photos: Annotated[
        Path | None, typer.Option(help="Photos of your own for the demo's deck: DIR/{train,test}/{like,pass}/.")
    ] = None,
    photos_per_card: Annotated[int, typer.Option(min=1, max=9, help="With --photos: photos of a kind per card.")] = 1,
    labels: Annotated[int, typer.Option(min=4, max=5000, help="Labels the demo teaches.")] = 60,
    likes_per_day: Annotated[int | None, typer.Option(min=0, max=1000, help="The demo's budget.")] = None,
    swipes_per_session: Annotated[int | None, typer.Option(min=1, max=100, help="The demo's session limit.")] = None,
    every: Annotated[int | None, typer.Option(min=5, help="Seconds between the demo's sessions.")] = None,
    pacing: Annotated[float | None, typer.Option(min=0, max=30, help="Seconds between two swipes.")] = None,
    until_empty: Annotated[bool, typer.Option("--until-empty", help="Stop when the deck is at its end.")] = False,
    seed: Annotated[int, typer.Option(help="Of the simulator's people and hidden taste.")] = 1,
    chaos: Annotated[int | None, typer.Option(help="Deliver doubled, late and out of order, by this seed.")] = None,
    backbone: Annotated[Path | None, typer.Option(help="A backbone folder instead of the built-in one.")] = None,
) -> None:
    """Run Swipr on this machine, with a demo on a simulated deck."""
    from cli import up as starting

    chosen = starting.Chosen(
        data=data,
        port=port,
        empty=empty,
        photos=photos,
        photos_per_card=photos_per_card,
        labels=labels,
        likes_per_day=likes_per_day,
        swipes_per_session=swipes_per_session,
        every_s=every,
        pacing_s=pacing,
        until_empty=until_empty,
        seed=seed,
        chaos=chaos,
        backbone=backbone,
    )
    raise typer.Exit(starting.run(chosen))


@app.command()
def token(
    data: DataFolder = DEFAULT_DATA,
    user: Annotated[str, typer.Option(help="Whose page it opens.")] = USER,
) -> None:
    """Print another one-use address of the page of a running `swipr up`."""
    try:
        address, fresh = one_use_token(data, user)
    except ClientError as error:
        typer.echo(f"swipr: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{address}/#token={fresh}")
