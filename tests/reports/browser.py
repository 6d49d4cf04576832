"""Drives Chromium by its debugging protocol, over a WebSocket written here: the standard library has none."""

import base64
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import time
import urllib.request

PROGRAM = shutil.which("chromium")


class Browser:
    """A headless Chromium with one page. Use it as a context."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "profile")
        self.number = 0
        self.log = []

    def __enter__(self):
        self.process = subprocess.Popen(
            [PROGRAM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-port=0",
             f"--user-data-dir={self.folder}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True, env={**os.environ, "HOME": os.path.dirname(self.folder)})
        seen = b""
        while not (found := re.search(rb"DevTools listening on ws://127\.0\.0\.1:(\d+)", seen)):
            part = os.read(self.process.stderr.fileno(), 4096) if select.select([self.process.stderr], [], [], 60)[0] else b""
            if not part:
                self.__exit__()
                raise RuntimeError(f"Chromium does not begin: {seen[-2000:]!r}")
            seen += part
        port = int(found[1])
        answer = self._get(port, "/json/list")
        page = next(each for each in json.loads(answer) if each["type"] == "page")
        self.socket = self._connect(port, page["webSocketDebuggerUrl"])
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stderr.close()
        if hasattr(self, "socket"):
            self.socket.close()

    @staticmethod
    def _get(port, path):
        for _ in range(100):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
                body = answer.read()
            if b'"page"' in body:
                return body
            time.sleep(0.1)
        raise RuntimeError(f"no page: {body!r}")

    @staticmethod
    def _connect(port, url):
        link = socket.create_connection(("127.0.0.1", port), 120)
        path = url.split(str(port), 1)[1]
        key = base64.b64encode(os.urandom(16)).decode()
        link.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += link.recv(1)
        assert b" 101 " in head.split(b"\r\n")[0], head
        return link

    def _read(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(min(1 << 20, size - len(data)))
            if not part:
                raise RuntimeError("Chromium closed the connection")
            data += part
        return data

    def _message(self):
        whole = b""
        while True:
            first, second = self._read(2)
            size = second & 127
            if size == 126:
                (size,) = struct.unpack(">H", self._read(2))
            elif size == 127:
                (size,) = struct.unpack(">Q", self._read(8))
            data = self._read(size)
            if first & 15 in (0, 1, 2):
                whole += data
                if first & 128:
                    return json.loads(whole)

    def call(self, method, **parameters):
        """A command of the protocol, and its result. What comes between goes to `log`."""
        self.number += 1
        data = json.dumps({"id": self.number, "method": method, "params": parameters}).encode()
        mask = os.urandom(4)
        head = bytes([0x81]) + (bytes([128 | len(data)]) if len(data) < 126 else bytes([128 | 126]) + struct.pack(">H", len(data))
                                if len(data) < 65536 else bytes([128 | 127]) + struct.pack(">Q", len(data)))
        self.socket.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))
        while True:
            message = self._message()
            if message.get("id") == self.number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.log.append(message)

    def run(self, script):
        """What a JavaScript expression comes to."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def open(self, path, width=1200, height=900, scheme="light"):
        """Loads a file, and waits until the page says that it is ready."""
        self.log.clear()
        self.size(width, height, scheme)
        self.call("Page.navigate", url="file://" + os.path.abspath(path))
        for _ in range(600):
            if self.run("document.documentElement?.dataset?.ready") == "yes":
                return
            time.sleep(0.1)
        raise RuntimeError(f"{path} does not get ready: {self.problems()}")

    def size(self, width, height, scheme):
        """The window, and what its user prefers."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def click(self, selector):
        """A click of the mouse in the middle of an element, which is scrolled to."""
        where = self.run(f"(e => (e.scrollIntoView({{block: 'center'}}), (r => [r.x + r.width / 2, r.y + r.height / 2])(e.getBoundingClientRect())))"
                         f"(document.querySelector({json.dumps(selector)}))")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=where[0], y=where[1], button="left", clickCount=1)

    def key(self, key, code=0):
        """A key that is pressed; printable ones type their text."""
        text = {"Enter": "\r", " ": " "}.get(key, key if len(key) == 1 else "")
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=code, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)

    def type(self, text):
        """Text, into what has the focus."""
        self.call("Input.insertText", text=text)

    def screenshot(self, path):
        """The window as it is."""
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def problems(self):
        """What the page complained about, and what it asked the network for."""
        self.run("1")
        said = [m["params"] for m in self.log if m["method"] in ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")]
        asked = [m["params"]["request"]["url"] for m in self.log if m["method"] == "Network.requestWillBeSent"]
        return said + [url for url in asked if not url.startswith("file://") or not url.endswith(".html")]
