"""A server of the published Python agenkit, for the interop tests.

    python server.py [--port N] [--agent streaming|unary|duck] [--exit-with-stdin]

Prints ``READY <port>`` once it listens. The agent does what the request's
``metadata.behaviour`` says; the README beside this folder lists the words.
"""

import argparse
import asyncio
import json
import logging
import os
import socket
import sys
import threading
from datetime import datetime

from agenkit.adapters.python.http_server import HTTPAgentServer
from agenkit.interfaces import Agent, Message

# The server logs each failing call by design; here failures are asked for.
logging.disable(logging.CRITICAL)

NAME = "python-peer"


def echo(request: Message) -> Message:
    content = request.content if isinstance(request.content, str) else json.dumps(request.content)
    return Message(
        role="agent",
        content=f"Echo: {content}",
        metadata={
            "original_content": request.content,
            "original_role": request.role,
            "original_metadata": request.metadata,
            "language": "python",
            "server_name": NAME,
        },
    )


class Peer:
    """What every flavour of the agent shares. No base class: a duck."""

    def __init__(self) -> None:
        self.calls = 0
        self.streams = 0
        self.finished = 0
        self.left = 0

    name = NAME
    capabilities = ["echo", "metadata", "unicode", "streaming"]

    async def process(self, request: Message) -> Message:
        self.calls += 1
        wish = request.metadata or {}
        behaviour = wish.get("behaviour", "echo")
        if behaviour == "fail":
            raise RuntimeError(wish.get("text", "the agent failed on purpose"))
        if behaviour == "sleep":
            await asyncio.sleep(wish.get("ms", 0) / 1000)
        if behaviour == "same":
            return Message(role="agent", content=request.content)
        if behaviour == "length":
            return Message(role="agent", content=str(len(request.content)))
        if behaviour == "blob":
            return Message(role="agent", content="x" * wish["n"])
        if behaviour == "typed":
            return Message(role="agent", content=wish.get("value"))
        if behaviour == "bare":
            # No zone and no fraction: what a naive datetime looks like on the wire.
            return Message(
                role="agent",
                content="bare",
                metadata=None,  # type: ignore[arg-type]
                timestamp=datetime(2025, 11, 13, 8, 30, 0),
            )
        if behaviour == "nan":
            return Message(role="agent", content="nan", metadata={"score": float("nan")})
        if behaviour == "stats":
            counters = {
                "calls": self.calls,
                "streams": self.streams,
                "finished": self.finished,
                "left": self.left,
            }
            return Message(role="agent", content=json.dumps(counters))
        return echo(request)


class StreamingPeer(Peer):
    async def stream(self, request: Message):
        self.streams += 1
        wish = request.metadata or {}
        behaviour = wish.get("behaviour", "echo")
        complete = False
        try:
            if behaviour == "fail":
                raise RuntimeError(wish.get("text", "the agent failed on purpose"))
            if behaviour in ("chunks", "midfail"):
                text = wish.get("text", "chunk")
                for index in range(wish.get("n", 0)):
                    if wish.get("ms"):
                        await asyncio.sleep(wish["ms"] / 1000)
                    yield Message(role="agent", content=f"{text} {index}", metadata={"index": index})
                if behaviour == "midfail":
                    raise RuntimeError("the stream broke on purpose")
            else:
                yield await self.process(request)
            complete = True
        finally:
            if complete:
                self.finished += 1
            elif behaviour not in ("fail", "midfail"):
                self.left += 1


class Streaming(StreamingPeer, Agent):
    """An agent as users write it."""

    @property
    def name(self) -> str:
        return NAME

    @property
    def capabilities(self) -> list[str]:
        return Peer.capabilities


class Unary(Peer, Agent):
    """An agent without a stream of its own; its base class has one that only fails."""

    @property
    def name(self) -> str:
        return NAME

    @property
    def capabilities(self) -> list[str]:
        return ["echo"]


FLAVOURS = {"streaming": Streaming, "unary": Unary, "duck": Peer}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def exit_with_stdin() -> None:
    """Ends this process when whoever started it is gone."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--agent", choices=sorted(FLAVOURS), default="streaming")
    parser.add_argument("--exit-with-stdin", action="store_true")
    options = parser.parse_args()
    if options.exit_with_stdin:
        exit_with_stdin()
    port = options.port or free_port()
    # Without its default middleware: 50 calls at once shall not wait for its rate limit.
    server = HTTPAgentServer(
        FLAVOURS[options.agent](), host="127.0.0.1", port=port, enable_default_middleware=False
    )
    await server.start()
    print(f"READY {port}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
