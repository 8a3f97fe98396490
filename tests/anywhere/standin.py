"""Stands for a provider, on loopback: answers the three protocols of the agents, whoever has the key.

    standin.py PORT FILE-WITH-THE-KEY

It prints the port, which it chooses itself where PORT is 0.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SAID = "The stand-in has answered."
USAGE = {"input_tokens": 7, "output_tokens": 5}


def event(data: dict, named: bool = True) -> str:
    return (f"event: {data['type']}\n" if named else "") + f"data: {json.dumps(data)}\n\n"


def anthropic(model: str) -> tuple[dict, str]:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "stop_sequence": None, "usage": USAGE}
    done = message | {"content": [{"type": "text", "text": SAID}], "stop_reason": "end_turn"}
    events = [{"type": "message_start", "message": message | {"content": [], "stop_reason": None}},
              {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
              {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": SAID}},
              {"type": "content_block_stop", "index": 0},
              {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": USAGE},
              {"type": "message_stop"}]  # fmt: skip
    return done, "".join(map(event, events))


def responses(model: str) -> tuple[dict, str]:
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": SAID, "annotations": []}]}  # fmt: skip
    usage = USAGE | {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0},
                     "total_tokens": 12}  # fmt: skip
    begun = {"id": "resp_1", "object": "response", "created_at": 1, "model": model, "usage": usage}
    done = begun | {"status": "completed", "output": [item]}
    events = [{"type": "response.created", "response": begun | {"status": "in_progress", "output": []}},
              {"type": "response.output_item.added", "output_index": 0, "item": item},
              {"type": "response.output_item.done", "output_index": 0, "item": item},
              {"type": "response.completed", "response": done}]  # fmt: skip
    return done, "".join(map(event, events))


def chat(model: str) -> tuple[dict, str]:
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    whole = {"id": "chat_1", "created": 1, "model": model, "usage": usage}
    done = whole | {"object": "chat.completion", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": SAID}, "finish_reason": "stop"}]}  # fmt: skip
    chunks = [whole | {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": why}]}
              for delta, why in (({"role": "assistant", "content": SAID}, None), ({}, "stop"))]  # fmt: skip
    return done, "".join(event(each, named=False) for each in chunks) + "data: [DONE]\n\n"


KINDS = {"/messages": anthropic, "/responses": responses, "/chat/completions": chat}


class StandIn(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    key = ""

    def log_message(self, *_) -> None:
        pass

    def answer(self, status: int, text: str, kind: str = "application/json") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        everything = f"{self.path}\n{self.headers}".encode() + body
        if b"cst_" in everything:
            return self.answer(400, '{"error": {"message": "a token has come this far"}}')
        if self.headers.get("Authorization") != f"Bearer {self.key}":
            return self.answer(401, '{"error": {"message": "not the key"}}')
        asked = json.loads(body or b"{}")
        path = self.path.partition("?")[0]
        for end, make in KINDS.items():
            if path.endswith(end):
                whole, stream = make(asked.get("model", ""))
                if asked.get("stream"):
                    return self.answer(200, stream, "text/event-stream")
                return self.answer(200, json.dumps(whole))
        return self.answer(404, '{"error": {"message": "not here"}}')

    def do_GET(self) -> None:
        self.answer(404, '{"error": {"message": "not here"}}')


if __name__ == "__main__":
    StandIn.key = Path(sys.argv[2]).read_text().strip()
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), StandIn)
    print(server.server_port, flush=True)
    server.serve_forever()
