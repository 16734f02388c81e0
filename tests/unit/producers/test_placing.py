import pytest

from producers import intel_lab, lab
from producers.dataset import DataError
from producers.download import DownloadError, sha256
from producers.placing import told

LOCATIONS = "1 21.5 23\n54 0.5 2\n"


@pytest.fixture
def lab_data(small):
    return small._replace(name="intel_lab")


def test_synthetic_devices_are_where_their_seed_has_them(small, tmp_path):
    found = told(small, "synthetic", None, tmp_path)
    assert (len(found.positions), found.source) == (lab.MOTES, "producers.lab")
    assert [*found.positions] == [small.device_id(n) for n in range(1, 55)]
    assert found.positions["mote-01"] == pytest.approx(tuple(lab.positions(3)[0]), abs=0.005)
    assert found.positions["mote-54"] == pytest.approx(tuple(lab.positions(3)[53]), abs=0.005)


def test_a_file_that_is_given_says_it_all_whatever_the_data(small, tmp_path):
    (tmp_path / "mine.txt").write_text("roof 1 2\n")
    for data in (small, small._replace(name="roofs", devices=("roof",))):
        assert told(data, "x", tmp_path / "mine.txt", tmp_path) == ({"roof": (1.0, 2.0)}, "mine.txt")


def test_beside_a_file_of_the_intel_lab_lies_where_its_motes_are(lab_data, tmp_path):
    path = str(tmp_path / "data.txt.gz")
    assert told(lab_data, path, None, tmp_path) is None
    (tmp_path / "mote_locs.txt").write_text(LOCATIONS)
    assert told(lab_data, path, None, tmp_path) == ({"mote-01": (21.5, 23.0), "mote-54": (0.5, 2.0)}, "mote_locs.txt")


def test_the_published_data_has_the_published_positions(lab_data, tmp_path, monkeypatch):
    (tmp_path / "got").write_text(LOCATIONS)
    monkeypatch.setattr(intel_lab, "locations", lambda cache: cache / "got")
    assert len(told(lab_data, "", None, tmp_path).positions) == 2


def test_without_network_the_replay_goes_on_and_it_is_said_that_there_is_no_map(
    lab_data, tmp_path, monkeypatch, caplog
):
    def fail(cache):
        raise DownloadError("no route to host")

    monkeypatch.setattr(intel_lab, "locations", fail)
    assert told(lab_data, "", None, tmp_path) is None
    assert "no route to host" in caplog.text
    assert "POSITIONS" in caplog.text


def test_nobody_says_where_the_devices_of_an_own_data_set_are_even_if_it_is_called_like_another(small, tmp_path):
    (tmp_path / "mote_locs.txt").write_text(LOCATIONS)
    for name in ("roofs", "intel_lab", "synthetic-seed3"):
        assert told(small._replace(name=name, devices=("roof",)), str(tmp_path / "data"), None, tmp_path) is None


@pytest.mark.parametrize("text", ["1 2\n", None, b"\xff"])
def test_a_file_that_says_no_positions_is_one_clear_error(small, tmp_path, text):
    file = tmp_path / "mine.txt"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=r"mine\.txt says no positions"):
        told(small, "x", file, tmp_path)


def test_the_real_positions_are_those_that_are_published(real):
    locations = real.parent / "mote_locs.txt"
    if not locations.exists():
        pytest.skip(f"the published positions are not at {locations}: not part of the project")
    assert sha256(locations) == intel_lab.PUBLISHED_LOCATIONS.sha256
    assert locations.stat().st_size == intel_lab.PUBLISHED_LOCATIONS.size
