"""Stands in for an agent: one request with what its environment has, and the status on stdout."""

import os
import urllib.error
import urllib.request

request = urllib.request.Request(
    os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages", data=b'{"model":"m-1"}',
    headers={"Authorization": "Bearer " + os.environ["ANTHROPIC_AUTH_TOKEN"]})  # fmt: skip
try:
    print(urllib.request.urlopen(request, timeout=20).status)
except urllib.error.HTTPError as refused:
    print(refused.code)
