# SPDX-License-Identifier: MIT
"""Does for a program what systemd does for a service with a socket: supervise.py PORT PROGRAM

Listens, starts the program when the first client comes, passes it the socket, and prints what it
notifies. A line "restart" on standard input ends it with SIGTERM, so that the next client starts the
next one. The end of standard input ends both.
"""
import os
import select
import signal
import socket
import sys
import tempfile

FIRST_FD = 3
WATCHDOG_USEC = 1_000_000

port, program = int(sys.argv[1]), sys.argv[2]
folder = tempfile.TemporaryDirectory()
path = os.path.join(folder.name, "notify")
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind(path)
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", port))
listener.listen(64)
child = None


def say(text):
    print(text, flush=True)


def start():
    pid = os.fork()
    if pid:
        say(f"started {pid}")
        return pid
    os.dup2(listener.fileno(), FIRST_FD)
    os.execve(program, [program], {**os.environ, "LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid()),
                                   "NOTIFY_SOCKET": path, "WATCHDOG_USEC": str(WATCHDOG_USEC)})


def reap():
    """Returns whether the program has ended."""
    pid, status = os.waitpid(child, os.WNOHANG)
    if pid:
        while select.select([notify], [], [], 0)[0]:
            say(notify.recv(4096).decode())
        say(f"ended {os.waitstatus_to_exitcode(status)}")
    return pid != 0


say("listening")
stopping = False
while child or not stopping:
    wanted = [notify] + ([] if stopping else [sys.stdin]) + ([] if child else [listener])
    ready = select.select(wanted, [], [], 0.05)[0]
    if listener in ready and not child and not stopping:
        child = start()
    if notify in ready:
        say(notify.recv(4096).decode())
    if sys.stdin in ready:
        stopping = sys.stdin.readline() == ""
        if child:
            os.kill(child, signal.SIGTERM)
    if child and reap():
        child = None
