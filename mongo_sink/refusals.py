"""What is wrong with a record, whatever server is asked and however often."""

from mongo_sink.documents import UnusableRecordError
from mongo_sink.model_files import NotAModelError
from mongo_sink.writes import DocumentRefusedError
from schemas.codec import UndecodableRecord

REFUSALS = (UndecodableRecord, UnusableRecordError, DocumentRefusedError, NotAModelError)
