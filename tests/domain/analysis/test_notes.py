from domain.analysis.notes import ResultNote


def test_a_note_is_stored_as_its_name_in_lower_case() -> None:
    assert [note.value for note in ResultNote] == [note.name.lower() for note in ResultNote]
