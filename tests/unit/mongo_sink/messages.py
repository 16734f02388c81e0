"""Records as a consumer hands them out."""


class Message:
    """One record, or with ``error`` what is none; asked by the names of confluent_kafka's."""

    def __init__(self, topic, offset=0, value=None, key=None, partition=0, headers=(), error=None):
        self._place, self._value, self._key, self._headers = (topic, partition, offset), value, key, list(headers)
        self._error = error

    def topic(self):
        return self._place[0]

    def partition(self):
        return self._place[1]

    def offset(self):
        return self._place[2]

    def key(self):
        return self._key

    def value(self):
        return self._value

    def headers(self):
        return self._headers

    def timestamp(self):
        return 1, 0

    def error(self):
        return self._error
