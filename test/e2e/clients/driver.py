# SPDX-License-Identifier: MIT
"""Clients of python-socketio, on the orders of python.mjs.

usage: driver.py sync|asyncio EVENT...

Reads orders, one JSON object a line: {"call": n, "verb": "emit", "client": n, "args": [...]}.
Writes what came of each, {"call": n, "value": ...} or {"call": n, "error": {...}}, and what a
client is told, {"client": "0/", "name": "news", "args": [...]}. Bytes are {"bytes": base64}.
"""
import asyncio
import base64
import concurrent.futures
import json
import os
import sys
import threading
import urllib.parse

import engineio.payload
import socketio

# By itself it refuses a response of more than 16 packets; no server knows of that.
engineio.payload.Payload.max_decode_packets = 10_000

# Orders that a client which blocks may be busy with.
THREADS = 64

NO_DELAY = {"reconnection_delay": 0.05, "reconnection_delay_max": 0.1, "randomization_factor": 0}

kind, *names = sys.argv[1:]
clients = {}
writing = threading.Lock()


def packed(value):
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    raise TypeError(type(value))


def unpacked(value):
    return base64.b64decode(value["bytes"]) if list(value) == ["bytes"] else value


def say(**what):
    with writing:
        print(json.dumps(what, default=packed), flush=True)


async def done(function, *args, **options):
    """Calls a function of a client of either kind."""
    if kind == "asyncio":
        return await function(*args, **options)
    return await asyncio.to_thread(function, *args, **options)


def listen(client, key, nsp):
    def hear(name):
        client.on(name, lambda *args: say(client=key, name=name, args=args), namespace=nsp)
    for name in [*names, "connect", "disconnect"]:
        hear(name)
    client.on("question", lambda arg: ("heard", arg), namespace=nsp)
    client.on("*", lambda name, *args: say(client=key, name="*", args=[name, *args]),
              namespace=nsp)


async def open_client(number, url, nsps, options):
    """The transport it is connected over."""
    kinds = {"sync": socketio.Client, "asyncio": socketio.AsyncClient}
    client = clients[number] = kinds[kind](reconnection=options.get("comeBack", False), **NO_DELAY)
    refused = {}
    for nsp in nsps:
        listen(client, f"{number}{nsp}", nsp)
        client.on("connect_error", lambda *said: refused.update(*said), namespace=nsp)
    query = urllib.parse.urlencode(options.get("query", {}), quote_via=urllib.parse.quote)
    await done(client.connect, f"{url}/?{query}", headers=options.get("headers", {}),
               auth=options.get("auth"), transports=options["transports"], namespaces=nsps,
               wait=False)
    while not refused and set(client.namespaces) != set(nsps):
        await asyncio.sleep(0.01)
    if refused:
        await done(client.disconnect)
        raise Refused(refused)
    return client.transport()


class Refused(Exception):
    """A namespace that said no; the argument is what it said."""


async def get_id(number, nsp):
    return clients[number].get_sid(nsp)


async def emit(number, nsp, name, args):
    await done(clients[number].emit, name, tuple(args), namespace=nsp)


async def send(number, nsp, arg):
    await done(clients[number].send, arg, namespace=nsp)


async def ask(number, nsp, name, args):
    """All arguments of the answer; call() does not tell none from null."""
    loop = asyncio.get_running_loop()
    answer = loop.create_future()
    await done(clients[number].emit, name, tuple(args), namespace=nsp,
               callback=lambda *got: loop.call_soon_threadsafe(answer.set_result, got))
    return await answer


async def ask_within(number, nsp, name, ms):
    try:
        return await done(clients[number].call, name, namespace=nsp, timeout=ms / 1000)
    except socketio.exceptions.TimeoutError:
        return "timeout"


async def disconnect(number):
    await done(clients[number].disconnect)


VERBS = {"open": open_client, "id": get_id, "emit": emit, "send": send, "ask": ask,
         "ask_within": ask_within, "disconnect": disconnect}


async def obey(order):
    call = order["call"]
    try:
        say(call=call, value=await VERBS[order["verb"]](order["client"], *order["args"]))
    except Refused as refused:
        say(call=call, error={"refused": refused.args[0]})
    except Exception as error:  # pylint: disable=broad-except
        say(call=call, error={"text": f"{type(error).__name__}: {error}"})


async def main():
    loop = asyncio.get_running_loop()
    under_way = set()
    loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(THREADS))
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            os._exit(0)  # threads of clients that are not disconnected would go on
        task = asyncio.ensure_future(obey(json.loads(line, object_hook=unpacked)))
        under_way.add(task)
        task.add_done_callback(under_way.discard)


asyncio.run(main())
