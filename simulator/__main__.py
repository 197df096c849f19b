"""`python -m simulator`: serve until stopped. Prints one JSON line with `address` and `key` when ready."""

import argparse
import json
import os
import secrets
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from waitress.server import create_server

from simulator.answers import NOTHING_LEFT
from simulator.catalogue import Catalogue, DrawnPeople
from simulator.faults import Faults
from simulator.hidden import Hidden
from simulator.photo_folder import PhotoFolder, PhotoFolderError
from simulator.records import Records, StateError
from simulator.server import Application
from simulator.service import BATCH, OPTIONS, RECS, Service, system_clock

CARDS = 40
TASTES_PER_SEED = 1000


def main(arguments: list[str] | None = None) -> None:
    chosen = _parser().parse_args(arguments)
    try:
        catalogue, records = _catalogue(chosen), Records(str(chosen.state) if chosen.state else ":memory:")
        service = _service(chosen, catalogue, records)
    except (PhotoFolderError, StateError, OSError) as error:
        raise SystemExit(f"simulator: {error}") from None
    key = secrets.token_urlsafe(24)
    hidden = Hidden(catalogue, records)
    application = Application(service, hidden, Faults(), key=key, photo_expiry_s=chosen.photo_expiry)
    server = create_server(application, host=chosen.host, port=chosen.port, threads=16)
    signal.signal(signal.SIGTERM, _stop)
    if chosen.exit_with_parent:
        threading.Thread(target=_exit_at_end_of_input, daemon=True).start()
    print(json.dumps({"address": f"http://{chosen.host}:{server.effective_port}", "key": key}), flush=True)
    server.run()  # until SIGTERM or Ctrl-C
    server.close()
    service.close()


def _catalogue(chosen: argparse.Namespace) -> Catalogue:
    if chosen.photos is not None:
        return PhotoFolder(chosen.photos, chosen.seed, chosen.photos_per_card or 1)
    return DrawnPeople(chosen.seed, chosen.photos_per_card)


def _service(chosen: argparse.Namespace, catalogue: Catalogue, records: Records) -> Service:
    cards = chosen.cards if chosen.cards is not None else CARDS if chosen.photos is None else catalogue.size
    options = {
        "likes_limit": chosen.likes_limit,
        "nothing_left": chosen.nothing_left,
        "nothing_left_s": chosen.nothing_left_s,
        "recs": chosen.recs,
        "superlikes": chosen.superlikes,
    }
    first_taste = (chosen.seed - 1) * TASTES_PER_SEED + 1
    return Service(
        catalogue,
        records,
        cards=cards,
        first_taste=first_taste,
        options=options,
        now=system_clock,
        cards_per_look=chosen.cards_per_look,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    add = parser.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=0, help="0: any free one")
    add("--seed", type=int, default=1, help="of people, or of the folder's order")
    add("--photos", type=Path, help="serve photographs of DIR/{train,test}/{like,pass}/ instead of drawn people")
    add("--photos-per-card", type=int, help="drawn people: 1 to 4 if not given; photographs: 1")
    add("--cards", type=int, help=f"length of a new user's deck; {CARDS}, or all photographs of test")
    add("--cards-per-look", type=int, default=BATCH, help="cards offered at a time")
    add("--likes-limit", type=int, help="likes until the service says that none remain")
    add("--nothing-left", choices=NOTHING_LEFT, default="timeout", help="how an empty deck says so")
    add("--nothing-left-s", type=float, default=20, help="seconds that an empty deck asks to wait")
    add("--recs", choices=RECS, action="append", default=[], help="what every recommendation is like; may be repeated")
    add("--superlikes", type=int, default=OPTIONS["superlikes"], help="super likes in any 24 hours")
    add("--photo-expiry", type=float, default=75_600, help="seconds that photo addresses hold")
    add("--state", type=Path, help="SQLite file that outlives a restart; in memory if not given")
    add("--exit-with-parent", action="store_true", help="end when the standard input does")
    return parser


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _exit_at_end_of_input() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
