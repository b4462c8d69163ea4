"""The operator that teams write: kopf and MlflowClient, one handler for what is created or changed.

Prints a line for each promotion that is done, with the requests that were sent to MLflow so far.
"""

import os
import threading
import warnings

import kopf
import requests
from mlflow import MlflowClient

warnings.simplefilter("ignore")
KIND = ("modelpromotion.dev", "v1alpha1", "modelpromotions")
client = MlflowClient(os.environ["REGISTRY"], os.environ["REGISTRY"])

lock = threading.Lock()
send = requests.Session.send
sent = 0


def counted(self, request, **options):
    global sent
    with lock:
        sent += 1
    return send(self, request, **options)


requests.Session.send = counted


def promote(model, stages, aliases):
    for stage in stages:
        version = client.get_model_version(model, stage["version"])
        if version.current_stage != stage["name"]:
            client.transition_model_version_stage(
                model, stage["version"], stage["name"], archive_existing_versions=True
            )
    for alias in aliases:
        client.set_registered_model_alias(model, alias["name"], alias["version"])


@kopf.on.create(*KIND)
@kopf.on.update(*KIND, field="spec")
def reconcile(spec, meta, patch, **_):
    promote(spec["model"], spec.get("stages", []), spec.get("aliases", []))
    patch.status["observedGeneration"] = meta["generation"]
    patch.status["summary"] = {"ready": "True", "reason": "UpToDate"}
    with lock:
        print("done", sent, flush=True)
