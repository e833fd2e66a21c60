# SPDX-License-Identifier: MIT
"""A client that is not JavaScript: python-socketio against the server at argv[1].

usage: client.py URL polling|websocket|both

Says "ok WHAT" for each thing that worked and ends with 0, or with a traceback.
"""
import queue
import sys

import engineio.payload
import socketio

# By itself it refuses a response of more than 16 packets; no server knows of that.
engineio.payload.Payload.max_decode_packets = 1000

url, transport = sys.argv[1:]
transports = ["polling", "websocket"] if transport == "both" else [transport]
came = queue.Queue()


def expect(what, actual, wanted):
    if actual != wanted:
        raise AssertionError(f"{what}: {actual!r}, not {wanted!r}")
    print("ok", what)


def make_client():
    client = socketio.Client(reconnection=False)
    client.on("message-back", lambda *args: came.put(args))
    client.on("message-back", lambda *args: came.put(("custom", *args)), namespace="/custom")
    client.on("auth", lambda auth: came.put(("auth", auth)))
    client.on("question", lambda arg: ("answer", arg))
    client.on("ack-result", lambda *args: came.put(("result", *args)))
    client.on("bye", lambda: came.put("bye"))
    client.on("disconnect", lambda: came.put("disconnect"))
    return client


def next_thing():
    return came.get(timeout=5)


def talk(client):
    client.emit("message", ("text", 1, [True, None], {"a": "é\u2014"}))
    expect("an event", next_thing(), ("text", 1, [True, None], {"a": "é\u2014"}))
    client.emit("message", (b"\x01\x02\xff", {"deep": [b""]}))
    expect("binary", next_thing(), (b"\x01\x02\xff", {"deep": [b""]}))
    expect("an ack", client.call("echo", 42), 42)
    expect("a binary ack", client.call("echo", b"\x00" * 1000), b"\x00" * 1000)
    client.emit("call-me", (1000, "question", {"x": 1}))
    expect("the server's question", next_thing(), ("result", None, "answer", {"x": 1}))
    client.emit("message", "in a namespace", namespace="/custom")
    expect("another namespace", next_thing(), ("custom", "in a namespace"))
    for i in range(200):
        client.emit("message", i)
    expect("order", [next_thing() for _ in range(200)], [(i,) for i in range(200)])


def main():
    client = make_client()
    client.connect(url, transports=transports, namespaces=["/", "/custom"],
                   auth={"token": "123"}, wait_timeout=5)
    auths = [next_thing()]
    expect("auth", auths, [("auth", {"token": "123"})])
    talk(client)
    expect("transport", client.transport(), transports[-1])
    client.emit("close-me")
    expect("the last event", next_thing(), "bye")
    expect("the server's disconnect", next_thing(), "disconnect")

    client = make_client()
    try:
        client.connect(url, transports=transports, namespaces=["/nowhere"], wait_timeout=5)
    except socketio.exceptions.ConnectionError as error:
        expect("an unknown namespace", "namespaces failed to connect" in str(error), True)
    client.disconnect()


main()
