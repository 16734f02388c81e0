import pytest

from infra import reference
from infra.settings import Settings
from schemas.topics import TOPICS


@pytest.mark.parametrize(("name", "page"), [("events.md", reference.events), ("settings.md", reference.settings)])
def test_the_pages_say_what_the_code_does(name, page):
    assert (reference.PAGES / name).read_text() == page(), "python -m infra.reference"


def test_every_field_and_every_setting_has_its_row():
    events = reference.events()
    for name, spec in TOPICS.items():
        section = events.partition(f"## {name}\n")[2].partition("\n## ")[0]
        assert all(f"| `{field}` |" in section for field in spec.event._fields)
    assert all(f"`FEDLOG_{name.upper()}`" in reference.settings() for name in Settings.model_fields)


def test_a_type_is_told_in_words_and_a_default_as_json():
    row = "| `contributions` | array of Contribution |  | Every update the window looked at and what became of it. |"
    assert row in reference.events()
    assert "| `epoch` | null or long | `null` |" in reference.events()
    assert "| `FEDLOG_LAPS` | `0` |" in reference.settings()
