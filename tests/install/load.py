#!/usr/bin/env python3
"""load: a steady load on a CodeGram, for tests that do something to it meanwhile.

usage: load.py [--rate N] [--callers N] [--writes LEDGER] [--seconds N] URL TOKEN

GETs of a person (which no cache answers), each on a connection of its own to the loopback's server,
whatever host URL names. With --writes every fourth request publishes a snippet; the ids of those
that were acknowledged are appended to LEDGER.
Ends by TERM or after --seconds (600), and says what became of them on one line of JSON; the first
answer and each failure is a line on stderr. A failure is anything but 2xx.
"""
import argparse
import http.client
import json
import signal
import ssl
import sys
import threading
import time
import urllib.parse

READS = ["/api/v1/snippets?limit=5", "/api/v1/auth/me", "/api/v1/notifications", "/ready"]


class Load:
    def __init__(self, args):
        self.args, self.url = args, urllib.parse.urlsplit(args.URL)
        self.ending, self.lock = threading.Event(), threading.Lock()
        self.said = {"reads": 0, "failed": 0, "writes": 0, "refused": 0, "slowest": 0.0}
        self.ledger = open(args.writes, "a", buffering=1) if args.writes else None

    def ask(self, method, path, body=None):
        """The status and the answer's bytes; 0 and why, when there is none."""
        secure = {"context": ssl._create_unverified_context()} if self.url.scheme == "https" else {}
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        caller = kind("127.0.0.1", self.url.port, timeout=30, **secure)
        headers = {"Host": self.url.netloc, "Authorization": "Bearer " + self.args.TOKEN, "Connection": "close"}
        if body:
            headers["Content-Type"] = "application/json"
        try:
            caller.request(method, path, body, headers)
            answer = caller.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as why:
            return 0, repr(why).encode()
        finally:
            caller.close()

    def one(self, number):
        write = self.ledger and number % 4 == 3
        path = "/api/v1/snippets" if write else READS[number % len(READS)]
        body = json.dumps({"title": f"load {number}", "code": "x"}) if write else None
        began = time.monotonic()
        status, text = self.ask("POST" if write else "GET", path, body)
        took = time.monotonic() - began
        good = 200 <= status < 300
        with self.lock:
            if not self.said["reads"] + self.said["writes"]:
                print("began", file=sys.stderr, flush=True)
            self.said["writes" if write else "reads"] += 1
            self.said["slowest"] = max(self.said["slowest"], round(took, 3))
            if not good:
                self.said["refused" if write else "failed"] += 1
                print(f"{time.time():.3f} {status} {path} after {took:.2f} s: {text[:160]!r}", file=sys.stderr)
            elif write:
                print(json.loads(text)["data"]["id"], file=self.ledger)

    def calls(self, first):
        number, due = first, time.monotonic()
        while not self.ending.is_set():
            self.one(number)
            number += self.args.callers
            due = max(due + self.args.callers / self.args.rate, time.monotonic() - 1)
            self.ending.wait(max(0, due - time.monotonic()))

    def run(self):
        signal.signal(signal.SIGTERM, lambda *_: self.ending.set())
        callers = [threading.Thread(target=self.calls, args=(i,)) for i in range(self.args.callers)]
        for caller in callers:
            caller.start()
        self.ending.wait(self.args.seconds)
        self.ending.set()
        for caller in callers:
            caller.join()
        print(json.dumps(self.said))


options = argparse.ArgumentParser(usage=__doc__)
options.add_argument("--rate", type=float, default=40)
options.add_argument("--callers", type=int, default=4)
options.add_argument("--writes")
options.add_argument("--seconds", type=float, default=600)
options.add_argument("URL")
options.add_argument("TOKEN")
Load(options.parse_args()).run()
