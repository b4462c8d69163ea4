"""The script most teams have: one promotion after the other with MlflowClient. Prints the seconds that the loop took."""

import json
import logging
import sys
import time
import warnings

from mlflow import MlflowClient

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
uri, file = sys.argv[1:]
with open(file) as names:
    models = json.load(names)
client = MlflowClient(uri, uri)
started = time.perf_counter()
for model in models:
    client.transition_model_version_stage(model, "4", "Production", archive_existing_versions=True)
    client.update_model_version(model, "4", description="Promoted")
print(time.perf_counter() - started)
