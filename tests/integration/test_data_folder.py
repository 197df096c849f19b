"""The data folder: private, held by one process, its key made once."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from local.data_folder import DataFolderError, open_folder

ROOT = Path(__file__).parents[2]
HOLDER = "import sys; from pathlib import Path; from local.data_folder import open_folder\n" + (
    "folder = open_folder(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def hold(path):
    """A process that holds the folder until its stdin closes."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers/common")])}
    command = [sys.executable, "-c", HOLDER, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    assert process.stdout.readline().strip() == b"held"
    return process


def test_a_new_folder_is_made_with_all_above_it(tmp_path):
    with open_folder(tmp_path / "a" / "b") as folder:
        assert folder.path == tmp_path / "a" / "b"
        assert folder.database == folder.path / "swipr.db"
        assert folder.blobs == folder.path / "blobs"
        assert len(folder.key) == 32


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes; the profile folder is private")
def test_folder_and_key_are_private_even_if_they_were_not(tmp_path):
    path = tmp_path / "data"
    open_folder(path).close()
    path.chmod(0o755)
    (path / "key").chmod(0o644)

    open_folder(path).close()

    assert (mode(path), mode(path / "key")) == (0o700, 0o600)


def test_the_key_is_made_once_and_is_another_in_another_folder(tmp_path):
    keys = []
    for name in ("a", "a", "b"):
        with open_folder(tmp_path / name) as folder:
            keys.append(folder.key)

    assert keys[0] == keys[1] != keys[2]


def test_a_second_open_is_refused_and_names_the_process(tmp_path):
    with open_folder(tmp_path / "data"), pytest.raises(DataFolderError, match=f"process {os.getpid()};"):
        open_folder(tmp_path / "data")


def test_a_second_process_is_refused_until_the_first_one_ends(tmp_path):
    process = hold(tmp_path / "data")
    with pytest.raises(DataFolderError, match=f"process {process.pid};"):
        open_folder(tmp_path / "data")

    process.communicate()

    open_folder(tmp_path / "data").close()


def test_a_killed_process_holds_nothing(tmp_path):
    process = hold(tmp_path / "data")

    process.kill()
    process.communicate()

    open_folder(tmp_path / "data").close()


def test_a_refused_open_leaves_the_holder_s_name(tmp_path):
    with open_folder(tmp_path / "data"):
        for _ in range(2):
            with pytest.raises(DataFolderError, match=f"process {os.getpid()};"):
                open_folder(tmp_path / "data")


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "thesis.txt").write_text("mine")

    with pytest.raises(DataFolderError, match=r"thesis\.txt"):
        open_folder(tmp_path)

    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]
    assert mode(tmp_path) == 0o755


def test_data_without_its_key_is_refused(tmp_path):
    open_folder(tmp_path / "data").close()
    (tmp_path / "data" / "swipr.db").touch()
    (tmp_path / "data" / "key").unlink()

    with pytest.raises(DataFolderError, match="key is missing"):
        open_folder(tmp_path / "data")

    assert not (tmp_path / "data" / "key").exists()


def test_a_damaged_key_is_refused_and_the_folder_is_free_again(tmp_path):
    open_folder(tmp_path / "data").close()
    key = (tmp_path / "data" / "key").read_bytes()
    (tmp_path / "data" / "key").write_bytes(key[:31])
    with pytest.raises(DataFolderError, match="31 bytes"):
        open_folder(tmp_path / "data")

    (tmp_path / "data" / "key").write_bytes(key)

    with open_folder(tmp_path / "data") as folder:
        assert folder.key == key


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "data").write_text("")

    with pytest.raises(DataFolderError, match="cannot use"):
        open_folder(tmp_path / "data")
