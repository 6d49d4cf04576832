#!/usr/bin/env python3
"""A server of tokens as distribution's protocol has it, whose tokens docker-registry takes (`auth: token`).

    token_server.py --key KEY.pem --certificate CERT.pem --user NAME:PASSWORD[:REGEX]... [--anonymous REGEX]
                    [--refresh TOKEN=NAME] [--issuer NAME] [--service NAME] [--expires S] [--life S] [--port-file FILE]

A user may pull from and push to the repositories that REGEX matches (default: all), anybody may pull from those of --anonymous. The tokens
say that they are good for --expires seconds and are for --life. `openssl` signs; the registry's rootcertbundle is the certificate.
"""
import argparse, base64, http.server, json, re, subprocess, sys, threading, time, urllib.parse, uuid


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenServer:
    """Until `stop`. `seen` has what was asked: method, who, scopes."""

    def __init__(self, key, certificate, users, anonymous=None, refresh=None, issuer="issuer", service="service", expires=300, life=300):
        self.key, self.issuer, self.service, self.expires, self.life = key, issuer, service, expires, life
        self.users = users  # {name: (password, regex)}
        self.anonymous, self.refresh = anonymous, refresh or {}
        self.certificate = "".join(l for l in open(certificate).read().splitlines() if "-----" not in l)
        self.seen = []
        self.fail = 0  # so many requests from now on get 503
        owner = self

        class Bound(Handler):
            pass

        Bound.owner = owner
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        self.realm = f"http://{self.host}/token"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def sign(self, claims):
        header = {"typ": "JWT", "alg": "RS256", "x5c": [self.certificate]}
        text = b64url(json.dumps(header).encode()) + "." + b64url(json.dumps(claims).encode())
        r = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=text.encode(), stdout=subprocess.PIPE, check=True)
        return text + "." + b64url(r.stdout)

    def access(self, user, scopes):
        granted = []
        for scope in scopes:
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            may = set()
            if self.anonymous and re.fullmatch(self.anonymous, name):
                may = {"pull"}
            if user is not None and re.fullmatch(self.users[user][1], name):
                may = {"pull", "push", "delete"}
            actions = sorted(may & set(actions.split(",")))
            if kind == "repository" and actions:
                granted.append({"type": kind, "name": name, "actions": actions})
        return granted

    def token(self, user, scopes):
        now = int(time.time())
        return self.sign({"iss": self.issuer, "sub": user or "", "aud": self.service, "exp": now + self.life, "nbf": now - 10, "iat": now,
                          "jti": uuid.uuid4().hex, "access": self.access(user, scopes)})


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner = None

    def log_message(self, *a):
        pass

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def give(self, method, user, scopes):
        o = self.owner
        o.seen.append((method, user, scopes))
        if o.fail > 0:
            o.fail -= 1
            return self.answer(503, {"details": "busy"})
        self.answer(200, {"token": o.token(user, scopes), "expires_in": o.expires})

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        user = None
        said = self.headers.get("Authorization", "")
        if said:
            name, _, password = base64.b64decode(said.partition(" ")[2]).decode().partition(":")
            if name not in self.owner.users or self.owner.users[name][0] != password:
                return self.answer(401, {"details": "incorrect username or password"})
            user = name
        self.give("GET", user, query.get("scope", []))

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())
        user = self.owner.refresh.get(form.get("refresh_token", [""])[0])
        if form.get("grant_type") != ["refresh_token"] or user is None:
            return self.answer(401, {"error": "invalid_grant", "error_description": "no such refresh token"})
        self.give("POST", user, form.get("scope", [""])[0].split())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--key", required=True)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--user", action="append", default=[])
    parser.add_argument("--anonymous")
    parser.add_argument("--refresh", action="append", default=[])
    parser.add_argument("--issuer", default="issuer")
    parser.add_argument("--service", default="service")
    parser.add_argument("--expires", type=int, default=300)
    parser.add_argument("--life", type=int, default=300)
    parser.add_argument("--port-file")
    options = parser.parse_args()
    users = {}
    for text in options.user:
        name, password, regex = (text.split(":", 2) + [".*"])[:3]
        users[name] = (password, regex)
    server = TokenServer(options.key, options.certificate, users, options.anonymous, dict(r.split("=", 1) for r in options.refresh),
                         options.issuer, options.service, options.expires, options.life)
    if options.port_file:
        with open(options.port_file, "w") as f:
            f.write(server.host.split(":")[1] + "\n")
    print(server.realm, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
