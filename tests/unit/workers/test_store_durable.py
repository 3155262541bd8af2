import os

import pytest

from workers import durable


def test_a_new_file_is_private_and_never_over_another(tmp_path):
    path = tmp_path / "f"
    durable.write_new(path, b"one")
    assert path.read_bytes() == b"one"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        durable.write_new(path, b"two")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(FileExistsError):
        durable.write_new(tmp_path / "link", b"two")
    assert not (tmp_path / "target").exists()


def test_replace_swaps_whole_contents_and_drops_an_old_attempt(tmp_path):
    path = tmp_path / "f"
    (tmp_path / ".f.new").write_bytes(b"half of an old att")
    durable.replace(path, b"one")
    durable.replace(path, b"two")
    assert path.read_bytes() == b"two"
    assert [item.name for item in tmp_path.iterdir()] == ["f"]


def test_reading_follows_no_link_and_keeps_its_limit(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    assert durable.read(path, 5) == b"12345"
    with pytest.raises(OSError, match="large"):
        durable.read(path, 4)
    (tmp_path / "link").symlink_to(path)
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", ".", "missing"):
        with pytest.raises(OSError):
            durable.read(tmp_path / name, 5)


def test_folders_are_private_and_may_be_there(tmp_path):
    durable.make_folder(tmp_path / "a")
    durable.make_folder(tmp_path / "a")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700


def test_removing_a_tree_leaves_what_links_point_to(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "f").write_text("x")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "inner").symlink_to(tmp_path / "kept")
    (tmp_path / "alias").symlink_to(tmp_path / "kept")
    for name in ("tree", "alias", "missing"):
        durable.remove_tree(tmp_path / name)
    assert (tmp_path / "kept" / "f").exists()
    assert not (tmp_path / "tree").exists()
    assert not (tmp_path / "alias").is_symlink()
