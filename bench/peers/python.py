# SPDX-License-Identifier: MIT
"""python-socketio on aiohttp, under the same load as ../server.c: python.py <port>"""
import sys

import socketio
from aiohttp import web

sio = socketio.AsyncServer(async_mode="aiohttp")
app = web.Application()
sio.attach(app)


@sio.event
async def echo(sid, *args):
    return args


@sio.event
async def bin(sid, data):
    return data


@sio.event
async def bcast(sid, *args):
    await sio.emit("bcast", args)


port = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
web.run_app(app, host="127.0.0.1", port=port, backlog=4096, access_log=None,
            print=lambda *_: print(f"listening {port}", flush=True))
