"""The `swipr` command: `swipr --help` lists what it can do."""

import os
from pathlib import Path
from typing import Annotated

import typer

from cli import account, decisions, deploy, doctor, label_questions, matches, models, predict, standing, users
from cli import backbone as backbone_commands
from cli import dead_letters as dead_letter_commands
from cli import deck as deck_commands
from cli.said import (
    DEFAULT_DATA,
    DEFAULT_USER,
    DataFolder,
    Region,
    Stack,
    UserName,
    Where,
)

app = typer.Typer(
    help="Learns your taste in photos and swipes a deck by it: never twice, never over budget, never when off.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
labels_app = typer.Typer(help="Your own labels.", no_args_is_help=True)
labels_app.command("next")(label_questions.next_cards)
labels_app.command("doubtful")(label_questions.doubtful)
app.add_typer(labels_app, name="label")
app.add_typer(backbone_commands.app, name="backbone")
app.add_typer(users.app, name="user")
app.add_typer(deck_commands.app, name="deck")
app.add_typer(dead_letter_commands.app, name="dead-letters")
COMMANDS = (
    *(standing.status, account.on, account.off, predict.predict, decisions.decisions, decisions.fix, decisions.undo),
    *(matches.matches, models.models, models.promote, models.rollback),
    *(account.report, account.export, account.forget, users.token, doctor.doctor, deploy.deploy),
)
for command in COMMANDS:
    app.command()(command)


@app.command()
def up(
    data: DataFolder = DEFAULT_DATA,
    port: Annotated[int, typer.Option(help="Port of the page on 127.0.0.1; 0 takes any free one.")] = 8470,
    empty: Annotated[bool, typer.Option("--empty", help="Start without the demo and its simulator.")] = False,
    deck: Annotated[
        str, typer.Option(help="`simulator`: the demo; `folder`: judge the photos of --photos by your own labels.")
    ] = "simulator",
    photos: Annotated[
        Path | None,
        typer.Option(
            help="A folder of photos. With --deck folder any; for the demo's deck DIR/{train,test}/{like,pass}/."
        ),
    ] = None,
    labels_from: Annotated[
        Path | None, typer.Option(help="With --deck folder: teach DIR/{like,pass}/ first (or those of DIR/train/).")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="With --deck folder: where results go, else <data>/folder-results/<name>.")
    ] = None,
    move: Annotated[
        bool, typer.Option("--move", help="With --deck folder: move the photos into the results instead of linking.")
    ] = False,
    photos_per_card: Annotated[int, typer.Option(min=1, max=9, help="With --photos: photos of a kind per card.")] = 1,
    labels: Annotated[int, typer.Option(min=4, max=5000, help="Labels the demo teaches.")] = 60,
    likes_per_day: Annotated[int | None, typer.Option(min=0, max=1000, help="The demo's budget.")] = None,
    swipes_per_session: Annotated[int | None, typer.Option(min=1, max=100, help="The demo's session limit.")] = None,
    every: Annotated[int | None, typer.Option(min=5, help="Seconds between the demo's sessions.")] = None,
    pacing: Annotated[float | None, typer.Option(min=0, max=30, help="Seconds between two swipes.")] = None,
    until_empty: Annotated[bool, typer.Option("--until-empty", help="Stop when the deck is at its end.")] = False,
    seed: Annotated[int, typer.Option(help="Of the simulator's people and hidden taste.")] = 1,
    chaos: Annotated[int | None, typer.Option(help="Deliver doubled, late and out of order, by this seed.")] = None,
    backbone: Annotated[
        str | None, typer.Option(help="`builtin`, an installed backbone's name, or a folder; fixed at the first label.")
    ] = None,
    weights: backbone_commands.Weights = None,
    mirror: backbone_commands.Mirror = None,
) -> None:
    """Run Swipr on this machine, with a demo on a simulated deck or on a folder of your photos."""
    from cli import up as starting

    if deck not in ("simulator", "folder"):
        raise typer.BadParameter("choose simulator or folder", param_hint="--deck")
    if deck != "folder" and (labels_from or out or move):
        raise typer.BadParameter("--labels-from, --out and --move are for --deck folder", param_hint="--deck")

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
        weights=weights,
        mirror=mirror,
        deck=deck,
        labels_from=labels_from,
        out=out,
        moves=move,
    )
    raise typer.Exit(starting.run(chosen))


@app.command()
def simulate(
    photos: Annotated[Path, typer.Option(help="A labelled folder: DIR/{train,test}/{like,pass}/; test is the deck.")],
    labels: Annotated[int, typer.Option(min=1, max=5000, help="Labels to teach, drawn from train.")],
    seed: Annotated[int, typer.Option(help="Of the labels drawn and of the deck's order.")] = 1,
    backbone: Annotated[
        str | None,
        typer.Option(help="`builtin`, `mobilenetv2`, an installed one or a folder."),
    ] = None,
    photos_per_card: Annotated[int, typer.Option(min=1, max=9, help="Photos of a kind that make up a card.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, errors too.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the temporary data folder and say where it is.")] = False,
    data: Annotated[Path, typer.Option(help="Where backbones are installed; only read.")] = DEFAULT_DATA,
) -> None:
    """Play the whole product against a labelled photo folder and measure what the deck received.

    Exit status: 0 measured; 1 it could not be measured (the message says why and what to do); 2 an option is wrong;
    3 measured, but a card was liked twice or the budget was exceeded.
    """
    from cli import simulate as simulating

    weights = os.environ.get("SWIPR_WEIGHTS")
    chosen = simulating.Chosen(
        photos=photos,
        labels=labels,
        seed=seed,
        backbone=backbone,
        photos_per_card=photos_per_card,
        as_json=as_json,
        keep=keep,
        data=data,
        weights=Path(weights) if weights else None,
    )
    raise typer.Exit(simulating.run(chosen))


@app.command()
def train(
    data: DataFolder = DEFAULT_DATA,
    handoff: Annotated[
        str | None, typer.Option(help="Which hand-off, by the beginning of its id; left out, the newest open one.")
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="Only list the open hand-offs.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Install what training needs without asking.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, errors too.")] = False,
    backbone: Annotated[
        str | None, typer.Option(help="What is tuned: mobilenetv2, a timm network's name, or a file of weights.")
    ] = None,
    weights: backbone_commands.Weights = None,
    epochs: Annotated[int | None, typer.Option(min=1, max=200, help="Rounds over the photos, at most.")] = None,
    size_px: Annotated[int | None, typer.Option(min=64, max=384, help="Side of the network's input, pixels.")] = None,
    seed: Annotated[int | None, typer.Option(min=1, help="Of everything drawn; else the hand-off's own.")] = None,
    head_alone: Annotated[bool, typer.Option("--head-alone", help="No network: for labels without photos.")] = False,
) -> None:
    """Train a network on your labels, in an environment of its own, and hand it in beside a running `swipr up`.

    Exit status: 0 handed in; 1 it failed; 2 an option is wrong; 3 there is nothing to train on yet.
    """
    from cli import train as training

    chosen = training.Chosen(
        data=data,
        handoff=handoff,
        listing=listing,
        yes=yes,
        as_json=as_json,
        backbone=backbone,
        weights=weights,
        epochs=epochs,
        size_px=size_px,
        seed=seed,
        head_alone=head_alone,
    )
    raise typer.Exit(training.run(chosen, ask=lambda words: training.asked_on() and typer.confirm(words)))


@app.command("import")
def import_archive(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A .zip that `swipr export` wrote, here or elsewhere.")],
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    stack: Stack = None,
    region: Region = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object, errors too.")] = False,
) -> None:
    """Take in an export: what is here stays, nothing is switched on, and the deck is to be connected again.

    Exit status: 0 all was taken; 1 some was refused (the report says what and why); 2 it failed.
    """
    from cli import label

    raise typer.Exit(label.run(label.Chosen(path, Where(data, user, stack, region), as_json, wait=True)))


@labels_app.command("import")
def import_labels(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE_OR_FOLDER",
            help="A .json list or .csv of card_id and choice, a .zip of photos in like/ and pass/, or such a folder.",
        ),
    ],
    data: DataFolder = DEFAULT_DATA,
    user: UserName = DEFAULT_USER,
    stack: Stack = None,
    region: Region = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object, errors too.")] = False,
    wait: Annotated[bool, typer.Option(help="Follow it to its report.")] = True,
) -> None:
    """Upload corrected labels to a running `swipr up` or a stack, and say what became of each.

    Exit status: 0 all were taken; 1 some were refused (the report says which and why); 2 it failed, for example
    because nothing runs on the data folder: start `swipr up` first.
    """
    from cli import label

    raise typer.Exit(label.run(label.Chosen(path, Where(data, user, stack, region), as_json, wait)))
