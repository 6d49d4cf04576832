"""A socket that answers as Docker's or Podman's engine does, and what it was asked."""
import json
import socket
import threading

INFO = {"MemoryLimit": True, "SwapLimit": True, "PidsLimit": True, "CpuCfsQuota": False, "CgroupVersion": "2"}


class Engine(threading.Thread):
    """Answers as an engine that holds no containers. With `refusal` it can do nothing, for that reason."""

    def __init__(self, path, server="Docker/24.0.7 (linux)", info=INFO, refusal=None):
        super().__init__(daemon=True)
        self.server, self.info, self.refusal, self.asked = server, info, refusal, []
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(path)
        self.listening.listen(10)
        self.start()

    def run(self):
        while True:
            threading.Thread(target=self.serve, args=(self.listening.accept()[0],), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as reader:
            while line := reader.readline():
                self.asked.append(line.decode().strip())
                while reader.readline().strip():
                    pass
                refused = self.refusal and b"/_ping" not in line and b"/info" not in line and b"/containers/json" not in line
                body = json.dumps({"message": self.refusal} if refused else self.info if b"/info" in line else [] if b"/containers/" in line else {}).encode()
                connection.sendall(f"HTTP/1.1 {'500 No' if refused else '200 OK'}\r\nServer: {self.server}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
