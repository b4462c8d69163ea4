"""
The usual loop: of the first models the latest versions, of each its run, and which are good enough. Prints the
requests, the seconds, and what was found, as JSON.
"""

import json
import logging
import sys
import time
import warnings

import requests
from mlflow import MlflowClient

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
uri, stage, models, bound = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
sent = 0
send = requests.Session.send


def counted(self, request, **options):
    global sent
    sent += 1
    return send(self, request, **options)


requests.Session.send = counted
client = MlflowClient(uri, uri)
started = time.perf_counter()
found, seen, token = [], 0, None
while seen < models:
    page = client.search_registered_models(order_by=["name ASC"], page_token=token)
    for model in page[: models - seen]:
        seen += 1
        for version in client.get_latest_versions(model.name, stages=[stage] if stage else None):
            accuracy = client.get_run(version.run_id).data.metrics.get("accuracy")
            if accuracy is not None and accuracy >= bound:
                found.append([version.name, str(version.version)])
    token = page.token
    if not token:
        break
print(json.dumps({"requests": sent, "seconds": time.perf_counter() - started, "found": found}))
