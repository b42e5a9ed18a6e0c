"""The other consoles of the bench `console`: each has its own people in sight, and reads whatever it is sent."""

from __future__ import annotations

import http.client
import json
import select
import socket
import time
from typing import Any

IN_SIGHT = 30


def listen(pipe: Any, told: dict[str, Any], count: int) -> None:
    """Listen until told to end; then say how much there was."""
    poll, streams = select.epoll(), {}
    for number in range(count):
        _look_at(told, number)
        stream = _asked(told, number)
        streams[stream.fileno()] = stream
        poll.register(stream.fileno(), select.EPOLLIN)
    pipe.send("listening")
    heard, room = 0, bytearray(1 << 20)
    begun = time.process_time()
    while not pipe.poll():
        for file, _ in poll.poll(0.2):
            read = streams[file].recv_into(room)
            if not read:
                raise SystemExit("a stream ended")
            heard += read
    pipe.recv()
    pipe.send({"listeners_mib": round(heard / 2**20), "listeners_cpu_s": round(time.process_time() - begun, 1)})


def _look_at(told: dict[str, Any], number: int) -> None:
    """Put some people into a console's sight."""
    people = told["people"]
    first = number * IN_SIGHT % max(1, len(people) - IN_SIGHT)
    connection = http.client.HTTPConnection(told["address"], timeout=60)
    headers = {"Authorization": f"Bearer {told['token']}", "Content-Type": "application/json"}
    body = json.dumps({"people": people[first : first + IN_SIGHT]})
    connection.request("PUT", f"/api/v1/events/sight/bench-{number}", body, headers)
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200, text
    connection.close()


def _asked(told: dict[str, Any], number: int) -> socket.socket:
    host, _, port = told["address"].rpartition(":")
    sock = socket.create_connection((host, int(port)))
    sock.sendall(
        f"GET /api/v1/events?sight=bench-{number} HTTP/1.1\r\nHost: {told['address']}\r\n"
        f"Authorization: Bearer {told['token']}\r\nAccept: text/event-stream\r\n\r\n".encode()
    )
    sock.setblocking(False)
    return sock
