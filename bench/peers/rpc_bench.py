"""A server and clients of the published Python agenkit over gRPC, to be measured.

    python rpc_bench.py

Prints ``READY 0``, reads lines like ``unary 100 1`` (calls, at once) and
``stream 10 50`` (calls, chunks), and answers each with ``done``.
"""

import asyncio
import socket
import sys

from agenkit.adapters.python.grpc_server import GRPCServer
from agenkit.adapters.python.remote_agent import RemoteAgent
from agenkit.interfaces import Agent, Message


class Echo(Agent):
    @property
    def name(self) -> str:
        return "echo"

    @property
    def capabilities(self) -> list[str]:
        return []

    async def process(self, message: Message) -> Message:
        return Message(role="agent", content=message.content)

    async def stream(self, message: Message):
        count = int(message.metadata["chunks"])
        size = len(message.content) // count
        for index in range(count):
            yield Message(role="agent", content=message.content[index * size : (index + 1) * size])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def main() -> None:
    address = f"127.0.0.1:{free_port()}"
    await GRPCServer(Echo(), address).start()
    # One has one call in flight.
    agents = [RemoteAgent("echo", endpoint=f"grpc://{address}") for _ in range(50)]
    unary = Message(role="user", content="x" * 100)

    async def lane(agent: RemoteAgent, calls: int) -> None:
        for _ in range(calls):
            await agent.process(unary)

    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    print("READY 0", flush=True)
    while line := await reader.readline():
        what, calls, more = line.decode().split()
        if what == "unary":
            at_once = int(more)
            await asyncio.gather(*(lane(a, int(calls) // at_once) for a in agents[:at_once]))
        else:
            message = Message(role="user", content="x" * 5000, metadata={"chunks": more})
            for _ in range(int(calls)):
                async for _chunk in agents[0].stream(message):
                    pass
        print("done", flush=True)


asyncio.run(main())
