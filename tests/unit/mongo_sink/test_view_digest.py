from mongo_sink.digest import of_folder


def test_a_digest_tells_content_and_name_and_not_order(tmp_path):
    def digest(**files):
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for name, content in files.items():
            (folder / f"{name}.safetensors").write_text(content)
        return of_folder(folder)

    assert digest(a="1", b="2") == digest(b="2", a="1")
    assert digest(a="1", b="2") != digest(a="2", b="1")
    assert digest(a="1").documents == 1
    assert digest() == (0, digest().sha256)
