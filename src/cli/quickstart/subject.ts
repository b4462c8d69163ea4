/** The registered model that the tour is about; examples/quickstart names it too. */
export const MODEL = 'customer_churn_classifier';
