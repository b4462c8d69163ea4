/** Which promotion is meant. */
import type { ModelPromotion } from '../../api/generated/types.ts';
import type { Listing, Located, Problem } from '../../api/listing.ts';
import { quote } from '../../api/quote.ts';
import { suggest } from '../../api/suggest.ts';
import { CommandError, EXIT } from '../exit.ts';
import { problemLine } from '../render/problems.ts';

/** @throws CommandError when there is none, more than one, or one with a mistake */
export function findPromotion(
  { promotions, problems }: Pick<Listing, 'promotions' | 'problems'>,
  name: string,
  namespace: string | undefined,
): Located<ModelPromotion> {
  const wanted = namespace === undefined || name.includes('/') ? name : `${namespace}/${name}`;
  const isMeant = (key: string): boolean => key === wanted || key.endsWith(`/${wanted}`);
  const wrong = problems.filter(({ object }) => object?.kind === 'ModelPromotion' && isMeant(keyOf(object)));
  const [mistake] = wrong;
  if (mistake !== undefined) throw invalid(`correct this first: ${problemLine(mistake)}`);
  const found = promotions.filter(({ object }) => isMeant(keyOf(object.metadata)));
  const [first, second] = found;
  if (first !== undefined && second === undefined) return first;
  const keys = (first === undefined ? promotions : found).map(({ object }) => keyOf(object.metadata));
  if (first !== undefined) throw invalid(`${name} may be ${keys.join(' or ')}: say which`);
  throw invalid(noSuch(wanted, keys, problems));
}

/** In words that name what was probably meant. */
export function noSuch(wanted: string, keys: readonly string[], problems: readonly Problem[] = []): string {
  const names = keys.map((key) => key.slice(key.indexOf('/') + 1));
  const meant = suggest(wanted, keys) ?? keys[names.indexOf(suggest(wanted, names) ?? '')];
  const [unread] = problems.filter(({ object }) => object === undefined);
  const list = keys.length > 0 && keys.length <= 10 ? `; there is ${keys.join(', ')}` : '';
  return [
    `there is no promotion ${quote(wanted)}`,
    meant === undefined ? list : `; did you mean ${quote(meant)}?`,
    unread === undefined ? '' : `; it may be in what cannot be read: ${problemLine(unread)}`,
  ].join('');
}

function keyOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}

function invalid(message: string): CommandError {
  return new CommandError(EXIT.invalid, message);
}
