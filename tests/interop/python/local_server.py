"""A server of the published Python agenkit over TCP, Unix or WebSocket.

    python local_server.py --listen tcp://127.0.0.1:0|unix:///path|ws://127.0.0.1:0
                           [--port N] [--agent streaming|unary|duck] [--exit-with-stdin]

Prints ``READY <port>`` once it listens (0 for a Unix socket). The agents are
those of ``server.py``.
"""

import argparse
import asyncio
import sys

from agenkit.adapters.python.local_agent import LocalAgent
from server import FLAVOURS, exit_with_stdin, free_port


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", default="tcp://127.0.0.1:0")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--agent", choices=sorted(FLAVOURS), default="streaming")
    parser.add_argument("--exit-with-stdin", action="store_true")
    options = parser.parse_args()
    if options.exit_with_stdin:
        exit_with_stdin()
    endpoint, port = options.listen, 0
    if not endpoint.startswith("unix:"):
        port = options.port or free_port()
        endpoint = f"{endpoint.rsplit(':', 1)[0]}:{port}"
    await LocalAgent(FLAVOURS[options.agent](), endpoint).start()
    print(f"READY {port}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
