#!/usr/bin/env python3
"""A reverse proxy in front of a registry that makes mistakes on purpose.

    faulty.py --to HOST:PORT [--only REGEX] [--port-file FILE] [--log FILE] FAULT...

Faults apply to requests whose path matches --only (default: blobs and manifests); each is one word:

    cut=N               the connection ends after N bytes of a body
    cut-from=N          the same, N bytes later each time
    no-ranges           Range is passed over: the whole body, from its beginning
    status=CODE[:COUNT[:RETRY-AFTER]]   the first COUNT (default: all) requests get this
    unauthorized        401 for everything, with a realm that hands out tokens
    redirect-loop       307 to the same place, for ever
    redirect-away       307 to a second port of its own, which takes nobody who brings an Authorization
    length=N            Content-Length is wrong by N
    flip                one bit of each body is another
    truncate            the body's first half, as if it were all
    huge=N              N blanks instead of the body
    slow=N              N bytes a second
    stall               nothing after the header
    serve=PATH=FILE[=TYPE]   this path is answered by that file, whatever is behind
"""
import argparse, http.client, http.server, re, socket, sys, threading, time

PIECE = 65536


class Faulty:
    """The proxy, until `stop`. `seen` has "METHOD PATH" and what was sent along for each request."""

    def __init__(self, to, faults, only=r"/(blobs|manifests)/", log=None):
        self.to, self.only, self.log = to, re.compile(only), log
        self.faults = {}
        self.served = {}
        for fault in faults:
            name, _, value = fault.partition("=")
            if name == "serve":
                path, file, kind = (value.split("=") + ["application/octet-stream"])[:3]
                self.served[path] = (file, kind)
            else:
                self.faults[name] = value
        self.counts = {}
        self.lock = threading.Lock()
        self.seen = []
        self.server = self.listen(away=False)
        self.away = self.listen(away=True)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"

    def listen(self, away):
        handler = type("Handler", (Handler,), {"owner": self, "away": away})
        server = Server(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return server

    def stop(self):
        for server in (self.server, self.away):
            server.shutdown()
            server.server_close()

    def note(self, handler):
        entry = {"line": f"{handler.command} {handler.path}", "away": handler.away, "range": handler.headers.get("Range", ""),
                 "authorization": handler.headers.get("Authorization", "")}
        with self.lock:
            self.seen.append(entry)
            if self.log:
                with open(self.log, "a") as f:
                    f.write(f"{entry['line']} away={away_word(entry)} range={entry['range']} authorization={'yes' if entry['authorization'] else 'no'}\n")

    def count(self, what, limit):
        """Whether this is still one of the first `limit`."""
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1
            return self.counts[what] <= limit


def away_word(entry):
    return "yes" if entry["away"] else "no"


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        """Who is served badly goes away: that is no news."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner, away = None, False

    def log_message(self, *a):
        pass

    def plain(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def fault(self, name):
        return self.owner.faults.get(name) if self.owner.only.search(self.path) else None

    def handle_any(self):
        o = self.owner
        o.note(self)
        length = int(self.headers.get("Content-Length") or 0)
        if self.path.startswith("/faulty-token"):
            return self.plain(200, [("Content-Type", "application/json")], b'{"token": "worthless", "expires_in": 300}')
        if self.path in o.served:
            file, kind = o.served[self.path]
            with open(file, "rb") as f:
                body = f.read()
            return self.plain(200, [("Content-Type", kind)], body)
        if self.away and self.headers.get("Authorization"):
            return self.plain(400, body=b"an Authorization came along\n")
        if self.fault("status") is not None:
            code, limit, after = (self.fault("status").split(":") + ["", ""])[:3]
            if o.count("status", int(limit) if limit else 1 << 60):
                self.rfile.read(length)
                return self.plain(int(code), [("Retry-After", after)] if after else [], b'{"errors": [{"code": "FAULTY", "message": "on purpose"}]}')
        if self.fault("unauthorized") is not None:
            return self.plain(401, [("WWW-Authenticate", f'Bearer realm="http://{o.host}/faulty-token",service="faulty"')])
        if self.fault("redirect-loop") is not None:
            return self.plain(307, [("Location", self.path)])
        if self.fault("redirect-away") is not None and not self.away:
            return self.plain(307, [("Location", f"http://127.0.0.1:{o.away.server_address[1]}{self.path}")])
        self.forward(length)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any

    def forward(self, length):
        dropped = ["connection", "host", "content-length"] + (["range"] if self.fault("no-ranges") is not None else [])
        there = http.client.HTTPConnection(self.owner.to, timeout=60)
        try:
            there.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            # The registry makes places to upload to of the name that it is called by: ours.
            there.putheader("Host", self.owner.host)
            for name, value in self.headers.items():
                if name.lower() not in dropped:
                    there.putheader(name, value)
            if length or self.command in ("POST", "PUT", "PATCH"):
                there.putheader("Content-Length", str(length))
            there.endheaders(self.rfile.read(length) if length else None)
            answer = there.getresponse()
            self.give_back(answer)
        finally:
            there.close()

    def give_back(self, answer):
        body = b"" if self.command == "HEAD" else answer.read()
        headers = [(k, v) for k, v in answer.getheaders() if k.lower() not in ("connection", "transfer-encoding", "content-length")]
        length = int(answer.getheader("Content-Length") or 0) if self.command == "HEAD" else None
        if answer.status in (200, 206) and self.command == "GET":
            if self.fault("flip") is not None and body:
                body = bytes([body[0] ^ 1]) + body[1:]
            if self.fault("truncate") is not None:
                body = body[:len(body) // 2]
            if self.fault("huge") is not None:
                body = b" " * int(self.fault("huge"))
            if self.fault("length") is not None:
                length = len(body) + int(self.fault("length"))
        self.send_response(answer.status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if answer.status in (200, 206) and self.command == "GET":
            return self.send_badly(body)
        self.wfile.write(body)

    def send_badly(self, body):
        try:
            if self.fault("cut") is not None:
                self.wfile.write(body[:int(self.fault("cut"))])
                return self.break_off()
            if self.fault("cut-from") is not None:
                with self.owner.lock:
                    at = self.owner.counts[self.path] = self.owner.counts.get(self.path, 0) + int(self.fault("cut-from"))
                self.wfile.write(body[:at])
                return self.break_off() if at < len(body) else None
            if self.fault("stall") is not None:
                time.sleep(600)
            if self.fault("slow") is not None:
                rate = int(self.fault("slow"))
                for i in range(0, len(body), max(1, rate // 4)):
                    self.wfile.write(body[i:i + max(1, rate // 4)])
                    time.sleep(0.25)
                return None
            self.wfile.write(body)
            if self.fault("length") is not None:
                return self.break_off()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def break_off(self):
        self.wfile.flush()
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.close_connection = True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", required=True)
    parser.add_argument("--only", default=r"/(blobs|manifests)/")
    parser.add_argument("--port-file")
    parser.add_argument("--log")
    parser.add_argument("faults", nargs="*", metavar="FAULT")
    options = parser.parse_args()
    proxy = Faulty(options.to, options.faults, options.only, options.log)
    if options.port_file:
        with open(options.port_file, "w") as f:
            f.write(proxy.host.split(":")[1] + "\n")
    print(proxy.host, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
