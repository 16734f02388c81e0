from mongo_sink.digest import first_difference, hashes_of_folder, of


def test_a_digest_tells_content_and_name_and_not_order(tmp_path):
    def digest(**files):
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        (folder / "local").mkdir(parents=True)
        for name, content in files.items():
            (folder / f"local/{name}.safetensors").write_text(content)
        return of(hashes_of_folder(folder, ["local"]))

    assert digest(a="1", b="2") == digest(b="2", a="1")
    assert digest(a="1", b="2") != digest(a="2", b="1")
    assert digest(a="1").documents == 1
    assert digest() == (0, digest().sha256)


def test_the_first_document_that_is_another_is_named():
    one = [("a", b"1"), ("b", b"2"), ("d", b"4")]
    assert first_difference(one, list(one)) is None
    assert first_difference(one, [("a", b"1"), ("b", b"3"), ("d", b"4")]) == "b"
    assert first_difference(one, [*one, ("c", b"3")]) == "c"
    assert first_difference(one, one[1:]) == "a"
    assert first_difference(one, one[2:], besides={"a"}) == "b"
    assert first_difference(one, one[2:], besides={"a", "b"}) is None
