"""Trains classifiers of customer churn and registers all but the last as versions of one model.

The customers are made up, from a fixed seed: every run gives the same models and the same metrics.
Needs MLFLOW_TRACKING_URI.
"""

import mlflow
import numpy as np
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVC

MODEL = "customer_churn_classifier"
CUSTOMERS = 4_000

CANDIDATES = {
    "logistic regression": LogisticRegression(),
    "naive Bayes": GaussianNB(),
    "quadratic logistic regression": make_pipeline(PolynomialFeatures(2), LogisticRegression()),
    "support vectors": SVC(C=3),
}
# Trained by night: its run holds the model, and nobody has registered that.
NIGHTLY = {"tuned support vectors": SVC(C=10, gamma=0.3)}


def customers():
    """Months as a customer, monthly bill, calls to support, months left in the contract; and who left."""
    rng = np.random.default_rng(7)
    tenure = rng.exponential(24, CUSTOMERS)
    bill = rng.normal(60, 20, CUSTOMERS)
    calls = rng.poisson(1.5, CUSTOMERS)
    contract = rng.integers(0, 25, CUSTOMERS)
    unhappy = (calls >= 2) & (contract < 8)
    score = 0.04 * (bill - 60) - 0.03 * (tenure - 24) + 4 * unhappy + 0.03 * (bill - 60) * (contract < 12) - 1
    left = rng.random(CUSTOMERS) < 1 / (1 + np.exp(-3 * score))
    return np.column_stack([tenure, bill, calls, contract]), left.astype(int)


def metrics_of(model, features, left):
    predicted = model.predict(features)
    return {
        "accuracy": accuracy_score(left, predicted),
        "f1_score": f1_score(left, predicted),
    }


def main():
    features, left = customers()
    train, test, left_train, left_test = train_test_split(features, left, test_size=0.3, random_state=7)
    mlflow.set_experiment("customer-churn")
    for algorithm, candidate in (CANDIDATES | NIGHTLY).items():
        model = make_pipeline(StandardScaler(), candidate).fit(train, left_train)
        with mlflow.start_run(run_name=algorithm):
            mlflow.log_param("algorithm", algorithm)
            mlflow.log_metrics(metrics_of(model, test, left_test))
            mlflow.sklearn.log_model(
                model,
                name="model",
                registered_model_name=MODEL if algorithm in CANDIDATES else None,
                signature=infer_signature(train, left_train),
                pip_requirements=["scikit-learn"],
            )


if __name__ == "__main__":
    main()
