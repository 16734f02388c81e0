"""The classes that Spark's JVM loads, in a file that later JVMs map and need not read, check and link themselves.

This is HotSpot's class data sharing. The file is of one JVM and of Spark's jars as they lay there then; another JVM, or
one with other jars, starts as if there were none. Making it takes half a minute, which some six starts make up for:
``make test`` does.
"""

from pathlib import Path

SILENT = "-Xlog:disable -Xlog:all=error:stderr"
"""What cannot go into the file is no news, nor is a file of another JVM, and a JVM would say so on standard output."""


def beside(jars: Path) -> Path:
    """Where the file is, by the folder of Spark's connectors."""
    return jars.with_suffix(".jsa")


def used(file: Path) -> str:
    """A JVM's options to start with the file, if it is there."""
    return f'"-XX:SharedArchiveFile={file}" {SILENT}' if file.exists() else ""


def written(file: Path) -> str:
    """A JVM's options to write the file when it ends."""
    return f'"-XX:ArchiveClassesAtExit={file}" {SILENT}'
