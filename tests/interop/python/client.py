"""A client of the published Python agenkit, for the interop tests.

    python client.py

Prints ``READY 0``, then reads one case a line from its input, as JSON, and
writes one result a line. The README beside this folder shows both.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from agenkit.adapters.python.grpc_transport import GRPCTransport
from agenkit.adapters.python.remote_agent import RemoteAgent
from agenkit.interfaces import Message


def to_message(data: dict[str, Any], suffix: str = "") -> Message:
    content = data.get("content", "")
    return Message(
        role=data.get("role", "user"),
        content=content + suffix if suffix else content,
        metadata=data.get("metadata", {}),
    )


def to_json(message: Message) -> dict[str, Any]:
    return {
        "role": message.role,
        "content": message.content,
        "metadata": message.metadata,
        "timestamp": message.timestamp.isoformat(),
    }


def remote(case: dict[str, Any]) -> RemoteAgent:
    where: dict[str, Any] = {"endpoint": case["url"]}
    if case["url"].startswith("grpcs:"):
        # An endpoint cannot say whom to trust.
        tls = {name: Path(file).read_bytes() for name, file in case["tls"].items()}
        where = {
            "transport": GRPCTransport(
                case["url"],
                root_certificates=tls["ca"],
                certificate_chain=tls.get("cert"),
                private_key=tls.get("key"),
            )
        }
    return RemoteAgent(
        case.get("name", "echo"), timeout_ms=case.get("timeout_ms", 30_000), **where
    )


async def process(case: dict[str, Any]) -> dict[str, Any]:
    message = case["message"]
    if "concurrent" in case:
        # One agent a call: a RemoteAgent has only one call in flight.
        agents = [remote(case) for _ in range(case["concurrent"])]
        replies = await asyncio.gather(
            *(a.process(to_message(message, f" #{i}")) for i, a in enumerate(agents))
        )
        for agent in agents:
            await agent.close()
        return {"messages": [to_json(reply) for reply in replies]}
    agent = remote(case)
    try:
        if "repeat" in case:
            replies = [
                await agent.process(to_message(message, f" #{i}")) for i in range(case["repeat"])
            ]
        else:
            replies = [await agent.process(to_message(message))]
    finally:
        # After a timeout it would keep its connection, and the agent its work.
        await agent.close()
    return {"messages": [to_json(reply) for reply in replies]}


async def stream(case: dict[str, Any], result: dict[str, Any]) -> None:
    # A fresh agent for every mode: a unary call after a stream on one agent fails.
    agent = remote(case)
    started = time.monotonic()
    result["messages"], result["arrivals_ms"] = [], []
    async for chunk in agent.stream(to_message(case["message"])):
        result["messages"].append(to_json(chunk))
        result["arrivals_ms"].append(round((time.monotonic() - started) * 1000))
        if len(result["messages"]) == case.get("leave_after"):
            break
    await agent.close()


async def http(case: dict[str, Any]) -> dict[str, Any]:
    """A plain request, as the peers' own tests make for their raw rows."""
    method = case.get("method", "POST")

    async def once(client: httpx.AsyncClient) -> dict[str, Any]:
        body = case["raw"] if "raw" in case else json.dumps(case["body"]) if "body" in case else None
        response = await client.request(
            method,
            case["url"],
            content=body,
            headers={"Content-Type": "application/json"} if body is not None else None,
        )
        return {
            "status": response.status_code,
            "headers": dict(response.headers),
            "text": response.text,
        }

    async with httpx.AsyncClient(timeout=30) as client:
        count = case.get("concurrent", 1)
        return {"responses": await asyncio.gather(*(once(client) for _ in range(count)))}


async def run(case: dict[str, Any]) -> dict[str, Any]:
    started = time.monotonic()
    result: dict[str, Any] = {}
    try:
        if case["op"] == "process":
            result.update(await process(case))
        elif case["op"] == "stream":
            await stream(case, result)
        elif case["op"] == "http":
            result.update(await http(case))
        else:
            raise ValueError(f"unknown op: {case['op']}")
        result["ok"] = True
    except Exception as error:  # noqa: BLE001 - every failure is a result here
        result.update(ok=False, error_type=type(error).__name__, error=str(error))
    result["elapsed_ms"] = round((time.monotonic() - started) * 1000)
    return result


async def main() -> None:
    # With a buffer, also under PYTHONUNBUFFERED: without one Python loses the rest of a long line
    # whose writing is interrupted by a signal.
    out = open(sys.stdout.fileno(), "w", encoding="utf-8", closefd=False)
    print("READY 0", file=out, flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await run(json.loads(line))), file=out, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
