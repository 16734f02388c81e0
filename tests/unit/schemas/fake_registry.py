"""A schema registry on loopback that keeps its schemas in a dict: as much of the Confluent API as the codec asks."""

import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from schemas.topics import TOPICS

FIRST_ID = 41


class FakeRegistry:
    """Knows every topic's schema; ``answer`` (status, body), where set, is what it says to everything instead."""

    def __init__(self):
        self.ids = {spec.subject: FIRST_ID + n for n, spec in enumerate(TOPICS.values())}
        self.schemas = {self.ids[spec.subject]: json.dumps(spec.schema) for spec in TOPICS.values()}
        self.answer = None
        self.asked = []
        self.levels = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def add(self, schema):
        """A further schema, not the topic's own; its id."""
        number = max(self.schemas) + 1
        self.schemas[number] = json.dumps(schema)
        return number

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def reply(self, method, path, body):
        self.asked.append((method, path))
        if self.answer:
            return self.answer
        match method, [unquote(part) for part in path.strip("/").split("/")]:
            case "GET", ["schemas", "ids", number] if int(number) in self.schemas:
                return 200, json.dumps({"schema": self.schemas[int(number)], "schemaType": "AVRO"})
            case "POST", ["subjects", subject] if self._knows(subject, body):
                known = {"subject": subject, "id": self.ids[subject], "version": 1}
                return 200, json.dumps(known | {"schema": json.loads(body)["schema"]})
            case "PUT", ["config", subject]:
                self.levels[subject] = json.loads(body)["compatibility"]
                return 200, body.decode()
            case "POST", ["subjects", subject, "versions"]:
                if not self._knows(subject, body):
                    return 409, json.dumps({"error_code": 409, "message": "incompatible"})
                return 200, json.dumps({"id": self.ids[subject]})
        return 404, json.dumps({"error_code": 40403, "message": "Schema not found"})

    def _knows(self, subject, body):
        return json.loads(body)["schema"] == self.schemas.get(self.ids.get(subject))


def _handler(registry):
    class Handler(BaseHTTPRequestHandler):
        def _answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, text = registry.reply(self.command, urlsplit(self.path).path, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            with suppress(ConnectionError):  # the client may have lost patience
                self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = _answer  # noqa: N815

        def log_message(self, *_):
            pass

    return Handler
