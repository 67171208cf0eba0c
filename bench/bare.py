"""What a command is compared with: a FastAPI handler that writes one row, and nothing else."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel


class Said(BaseModel):
    """The body that the console takes, too."""

    channel: str
    text: str
    id: str


def build(file: Path) -> FastAPI:
    """One route, one table, the pragmas of the bot's store: WAL, and a commit that has reached the disk."""
    writer = ThreadPoolExecutor(1)
    connection = writer.submit(_connect, file).result()
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    def insert(said: Said) -> int:
        connection.execute("BEGIN IMMEDIATE")
        row = connection.execute(
            "INSERT INTO said (key, channel, text) VALUES (?, ?, ?)", (said.id, said.channel, said.text)
        )
        connection.execute("COMMIT")
        return int(row.lastrowid or 0)

    @app.post("/api/messages")
    async def take(said: Said) -> dict[str, int]:
        """Write the row; answer after the commit."""
        return {"id": await asyncio.get_running_loop().run_in_executor(writer, insert, said)}

    @app.post("/alerts/bare")
    async def hook(request: Request) -> dict[str, int]:
        """A webhook: the body as it came, one row; answer after the commit."""
        said = Said(channel="alerts", text=(await request.body()).decode(), id=uuid.uuid4().hex)
        return {"id": await asyncio.get_running_loop().run_in_executor(writer, insert, said)}

    @app.get("/healthz")
    async def health() -> dict[str, str]:
        """There."""
        return {"status": "ok"}

    return app


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE said (id INTEGER PRIMARY KEY, key TEXT UNIQUE, channel TEXT, text TEXT)")
    return connection


if __name__ == "__main__":
    uvicorn.run(
        build(Path(sys.argv[1])), host="127.0.0.1", port=int(sys.argv[2]), access_log=False, log_level="warning"
    )
