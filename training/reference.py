"""Measure the recommended backbone's reference statistics: the mean of its unit outputs over many general photos.

    python -m training.reference PHOTOS WEIGHTS [FOLDER]     (default: backbones/mobilenetv2)

PHOTOS holds openly licensed photos, a folder for each source, with a README; WEIGHTS the network's file. Writes
`reference.f32` and its card `reference.json`: how many photos of which sources, a hash over all of them, and the unit
outputs of the golden picture. Means of thousands of photos are kept, no photo is.
"""

import argparse
import base64
import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np

from local import backbone_folder, recommended


def main() -> None:
    asked = _arguments()
    network = recommended.from_weights(asked.weights)
    files = recommended.photos_below(asked.photos)
    sources = Counter(path.relative_to(asked.photos).parts[0] for path in files)
    reference = recommended.reference_of_photos(network, files, "openly licensed photos of many kinds")
    body = reference.mean.astype("<f4").tobytes()
    card = {
        "network_sha256": recommended.PINNED.sha256,
        "measured_on": reference.words,
        "made_by": "python -m training.reference",
        "sources": dict(sorted(sources.items())),
        "photos_sha256": _hash_of_all(files),
        "sha256": hashlib.sha256(body).hexdigest(),
        "golden_units": _golden_units(network),
    }
    asked.folder.mkdir(parents=True, exist_ok=True)
    (asked.folder / "reference.f32").write_bytes(body)
    (asked.folder / "reference.json").write_text(json.dumps(card, indent=2) + "\n", "utf-8")
    print(f"{reference.words}: {len(reference.mean)} means written to {asked.folder}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("folder", type=Path, nargs="?", default=recommended.SHIPPED)
    return parser.parse_args()


def _golden_units(network: bytes) -> str:
    converted = recommended.converted_of(network)
    picture = backbone_folder.golden_picture(converted.size_px)
    units = recommended.units_of(converted)(picture[None])[0]
    return base64.b64encode(np.asarray(units, "<f2").tobytes()).decode()


def _hash_of_all(files: list[Path]) -> str:
    """sha256 over the photos' own, sorted: the same photos under other names are the same."""
    each = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
    return hashlib.sha256("".join(each).encode()).hexdigest()


if __name__ == "__main__":
    main()
