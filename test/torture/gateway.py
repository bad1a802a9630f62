"""The gateway, as a process of ours."""

import os
import signal
import subprocess

import websocket

import processes
from waiting import wait_for


class Gateway:
    def __init__(self, tools, server):
        self._tools = tools
        self._server = server
        self._port_file = f"{server.folder}/gateway.port"
        self._process = None

    def start(self):
        if os.path.exists(self._port_file):
            os.remove(self._port_file)
        with open(f"{self._tools.artefacts}/{self._server.name}-gateway.log", "a") as log:
            self._process = subprocess.Popen(
                [self._tools.gateway, "--listen", "127.0.0.1:0", "--port-file", self._port_file, "--acts-per-second", "10000",
                 "--reconnect-max-ms", "200", "--database",
                 f"host={self._server.folder} port={self._server.port} dbname=gamelan user=gateway"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for("the gateway listens", lambda: os.path.exists(self._port_file) and self._port())

    def _port(self):
        with open(self._port_file) as file:
            return file.read().strip()

    def connect(self):
        try:
            return websocket.create_connection(f"ws://127.0.0.1:{self._port()}/ws", timeout=20, subprotocols=["gamelan.v1.json"])
        except FileNotFoundError as error:
            raise OSError("the gateway is being started") from error

    def kill(self):
        if self._process is not None:
            processes.send(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
