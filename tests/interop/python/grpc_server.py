"""A gRPC server of the published Python agenkit, for the interop tests.

    python grpc_server.py [--port N] [--agent streaming|unary|duck] [--exit-with-stdin]
                          [--cert FILE --key FILE [--client-ca FILE]]

The package's server has no TLS of its own: with a certificate it runs on a
server of grpcio that has. The agents are those of ``server.py``. Over gRPC all metadata comes as text, so
numbers among a behaviour's fields are read before the agent sees them.
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path

import grpc
from agenkit.adapters.python.grpc_server import GRPCServer
from agenkit.interfaces import Message
from proto import agent_pb2_grpc
from server import Peer, Streaming, Unary, exit_with_stdin, free_port


def with_numbers(request: Message) -> Message:
    metadata = dict(request.metadata)
    for key in ("n", "ms"):
        if key in metadata:
            metadata[key] = int(metadata[key])
    return Message(role=request.role, content=request.content, metadata=metadata)


class GrpcStreaming(Streaming):
    async def process(self, request: Message) -> Message:
        trace = request.metadata.get("trace_context")
        if trace is not None:
            # What it becomes on its way back is up to the package.
            return Message(role="agent", content="trace", metadata={"trace_context": json.loads(trace)})
        return await super().process(with_numbers(request))

    async def stream(self, request: Message):
        async for chunk in super().stream(with_numbers(request)):
            yield chunk


class GrpcDuck:
    """No base class, no stream."""

    name = Peer.name
    capabilities = ["echo"]

    def __init__(self) -> None:
        self._peer = Peer()

    async def process(self, request: Message) -> Message:
        return await self._peer.process(with_numbers(request))


FLAVOURS: dict[str, type] = {"streaming": GrpcStreaming, "unary": Unary, "duck": GrpcDuck}


def credentials(options: argparse.Namespace) -> grpc.ServerCredentials:
    authority = options.client_ca
    return grpc.ssl_server_credentials(
        [(options.key.read_bytes(), options.cert.read_bytes())],
        root_certificates=authority.read_bytes() if authority else None,
        require_client_auth=authority is not None,
    )


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--agent", choices=sorted(FLAVOURS), default="streaming")
    parser.add_argument("--exit-with-stdin", action="store_true")
    parser.add_argument("--cert", type=Path)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--client-ca", type=Path)
    options = parser.parse_args()
    if options.exit_with_stdin:
        exit_with_stdin()
    port = options.port or free_port()
    server = GRPCServer(FLAVOURS[options.agent](), f"127.0.0.1:{port}")
    if options.cert is None:
        await server.start()
        print(f"READY {port}", flush=True)
        await server.wait_for_termination()
        return
    secured = grpc.aio.server()
    agent_pb2_grpc.add_AgentServiceServicer_to_server(server, secured)
    secured.add_secure_port(f"127.0.0.1:{port}", credentials(options))
    await secured.start()
    print(f"READY {port}", flush=True)
    await secured.wait_for_termination()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
