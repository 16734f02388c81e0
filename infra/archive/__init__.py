"""The log as a folder of Avro files, and the log again from the folder: docs/archive.md."""
