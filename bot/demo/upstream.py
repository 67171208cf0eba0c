"""A small service behind the gateway: answers in a few milliseconds. Ends when its standard input does."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import sys

import uvicorn
from fastapi import FastAPI

PATHS = ("/users", "/orders", "/payments", "/catalogue")
app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/{path:path}")
async def answer(path: str) -> dict[str, object]:
    """Some JSON, after 2 to 8 ms."""
    await asyncio.sleep(random.uniform(0.002, 0.008))  # noqa: S311 - a pretended service time
    return {"path": f"/{path}", "items": list(range(20))}


async def serve() -> None:
    """On a free loopback port, which the first line of the output tells."""
    # Named as TCP, so that asyncio turns Nagle's algorithm off: else each answer would wait 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    asyncio.get_running_loop().run_in_executor(None, _end_with_parent, server)
    print(json.dumps({"url": f"http://127.0.0.1:{listener.getsockname()[1]}"}), flush=True)
    await server.serve([listener])


def _end_with_parent(server: uvicorn.Server) -> None:
    sys.stdin.buffer.read()
    server.should_exit = True


if __name__ == "__main__":
    asyncio.run(serve())
