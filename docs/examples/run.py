#!/usr/bin/env python3
"""Runs a connected tool on an Anteroom server and prints what it writes, as it writes it. Python's standard library is enough.

    export ANTEROOM_URL=https://anteroom.example.org ANTEROOM_TOKEN=...   # a personal token with the scope `run`
    python3 run.py codex --prompt "What does this error mean: ..."
    python3 run.py github-cli -- api user --jq .login

The exit code is the tool's. Ctrl-C cancels the run; what it has changed of its credential is saved.
"""

import argparse
import json
import os
import sys
import urllib.error
import urllib.request


def call(method, path, body=None):
    """One call of the API. The description of all is at /api/openapi.json."""
    request = urllib.request.Request(
        os.environ["ANTEROOM_URL"].rstrip("/") + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": "Bearer " + os.environ["ANTEROOM_TOKEN"], "Content-Type": "application/json"},
    )
    try:
        return urllib.request.urlopen(request)
    except urllib.error.HTTPError as refused:
        # Every refusal is a problem document (RFC 9457).
        sys.exit(json.load(refused)["detail"])


def events(stream):
    """The events of a stream (server-sent events): each is JSON in one line; other lines only say that it is alive."""
    for line in stream:
        if line.startswith(b"data: "):
            yield json.loads(line[len(b"data: "):])


def main():
    # What follows the first `--` is the tool's. argparse would take a further one away.
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    parser = argparse.ArgumentParser(usage="run.py PROVIDER [--prompt PROMPT | -- ARGUMENT ...]")
    parser.add_argument("provider")
    parser.add_argument("--prompt")
    asked = parser.parse_args(sys.argv[1:end])
    wanted = {"provider": asked.provider, "terminal": False}
    wanted |= {"prompt": asked.prompt} if asked.prompt else {"arguments": sys.argv[end + 1:]}
    run = json.load(call("POST", "/api/runs", wanted))["runId"]
    try:
        for event in events(call("GET", f"/api/runs/{run}/output")):
            if event["kind"] == "output":
                print(event["text"], end="", flush=True)
            elif event["kind"] == "errors":
                print(event["text"], end="", file=sys.stderr, flush=True)
            elif event["kind"] == "done":
                return event.get("exitCode", event["reason"]["detail"])
        return f"the connection was lost; the run {run} goes on"
    except KeyboardInterrupt:
        call("DELETE", f"/api/runs/{run}")
        return 130


sys.exit(main())
