#!/bin/sh
# Makes the models of these examples in the MLflow at MLFLOW_TRACKING_URI. Their versions hold no artifacts: enough to
# promote, not to serve. For a server to try things out on; models that are there already are left as they are.
set -eu
api="${MLFLOW_TRACKING_URI:-http://127.0.0.1:5000}/api/2.0/mlflow"

post() {
  curl --silent --show-error --fail --output /dev/null --header 'content-type: application/json' --data "$2" "$api/$1"
}

model() {
  if curl --silent --fail --output /dev/null "$api/registered-models/get?name=$1"; then
    echo "$1 is there already"
    return
  fi
  post registered-models/create "{\"name\":\"$1\"}"
  for _ in $(seq "$2"); do
    post model-versions/create "{\"name\":\"$1\",\"source\":\"s3://example/$1\"}"
  done
  echo "$1 has $2 versions"
}

model example_minimal 1
model example_full 4
model example_aliases 3
model example_follow 2
model customer_churn_classifier 4
model example_kubernetes 2

# What a training job, or a person in MLflow's pages, would have done:
post model-versions/transition-stage \
  '{"name":"example_follow","version":"2","stage":"Staging","archive_existing_versions":false}'
