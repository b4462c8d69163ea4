/** Which values of a metric are the better ones: what the user says, else what its name is known for. */

export type Goal = 'min' | 'max';

const LOWER = words(
  'loss losses logloss nll error errors err rmse mse mae mape smape mase msle rmsle medae deviance perplexity ppl ' +
    'latency brier wer cer ece mce hinge hamming fpr fnr far frr fid misclassification',
);
const HIGHER = words(
  'accuracy acc auc auroc aucroc auprc aupr prauc f1 fbeta precision recall sensitivity specificity r2 ndcg mrr map ' +
    'bleu rouge meteor iou miou dice jaccard kappa mcc gini tpr tnr ppv npv throughput',
);
/** Of several words, one after the other. */
const LOWER_PHRASES = [/\bfalse (?:positive|negative|discovery|omission)\b/];
const HIGHER_PHRASES = [/\btrue (?:positive|negative)\b/, /\bexplained variance\b/];
/** scikit-learn turns errors into scores so: the word alone would tell the opposite. */
const TURNED = new Set(['neg', 'negated', 'inverse', 'inv']);

/** Undefined where nobody can tell. */
export function directionOf(metric: string, goals: ReadonlyMap<string, Goal>): Goal | undefined {
  const said = goals.get(metric);
  if (said !== undefined) return said;
  const tokens = tokensOf(metric);
  const text = tokens.join(' ');
  if (tokens.some((token) => TURNED.has(token))) return undefined;
  const lower = tokens.some((token) => LOWER.has(token)) || LOWER_PHRASES.some((one) => one.test(text));
  const higher = tokens.some((token) => HIGHER.has(token)) || HIGHER_PHRASES.some((one) => one.test(text));
  if (lower === higher) return undefined;
  return lower ? 'min' : 'max';
}

/** Its words: between other characters, and where small letters end and a capital begins. */
function tokensOf(metric: string): string[] {
  return metric
    .replaceAll(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((token) => token !== '');
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(' '));
}
