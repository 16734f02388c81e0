import shlex
import subprocess
from pathlib import Path

from infra import java
from infra.settings import Settings
from spark_analytics import class_archive


def ran(*options: str) -> subprocess.CompletedProcess[str]:
    """A JVM that does nothing but show its version, which it does on standard output."""
    argv = [f"{java.home(Settings(), java.SPARK)}/bin/java", *options, "--version"]
    return subprocess.run(argv, capture_output=True, text=True, check=True)


def test_it_lies_beside_the_connectors():
    assert class_archive.beside(Path("/a build/jars/spark")) == Path("/a build/jars/spark.jsa")


def test_where_there_is_none_a_jvm_is_told_nothing(tmp_path: Path):
    assert class_archive.used(tmp_path / "spark.jsa") == ""


def test_what_a_jvm_has_written_the_next_one_maps(tmp_path: Path):
    file = tmp_path / "a folder" / "spark.jsa"
    file.parent.mkdir()
    ran("-cp", "none.jar", *shlex.split(class_archive.written(file)))
    assert file.stat().st_size > 10_000
    mapped = ran("-cp", "none.jar", *shlex.split(class_archive.used(file)), "-Xshare:on", "-Xlog:cds:stderr")
    assert str(file) in mapped.stderr


def test_a_file_of_something_else_changes_nothing_and_is_not_spoken_of(tmp_path: Path):
    file = tmp_path / "spark.jsa"
    file.write_bytes(b"of another JVM" * 1000)
    plain, done = ran(), ran(*shlex.split(class_archive.used(file)))
    assert done.stderr == ""
    assert done.stdout == plain.stdout.replace(", sharing", "")  # which is of any such file
