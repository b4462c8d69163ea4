/** Whatever stands in a file, the answer is well formed, and what is accepted is what was written. */
import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { combine, mostProblems, parseFile, type FileResult } from '../../../src/api/documents.ts';
import type { Listing, Problem } from '../../../src/api/listing.ts';
import { checkRules } from '../../../src/api/rules.ts';
import { decode } from '../../../src/api/text.ts';
import { validate, type Kind } from '../../../src/api/validate.ts';
import { toYaml } from '../../../src/api/yaml.ts';
import { bytes, printer } from '../arbitraries/texts.ts';
import { manifest, promotion, soundPromotion } from '../arbitraries/manifests.ts';
import { ensure, ensurePrintable, fuzz, type Fuzz } from '../fuzz.ts';

const LONGEST_MESSAGE = 400;
const LONGEST_PATH = 5_000;

export const documents: readonly Fuzz[] = [
  fuzz('any file gets an answer', {
    weight: 60,
    short: 1_500,
    input: bytes,
    holds: (file) => {
      const result = parseFile('m.yaml', file);
      checkProblems(result, file);
      for (const { object } of result.declarations) if (object !== undefined) checkAccepted(object);
    },
  }),
  fuzz('a manifest is accepted exactly when schema and rules accept it, however it is printed', {
    weight: 20,
    short: 500,
    input: fc.tuple(fc.oneof(manifest, soundPromotion, promotion), printer),
    holds: ([value, print]) => {
      const text = print(value);
      const [declaration, ...others] = parseFile('m.yaml', encode(text)).declarations;
      ensure(declaration !== undefined && others.length === 0, 'it is not one declaration', text);
      const copy = structuredClone(value);
      const kind = value['kind'] as Kind;
      const { object } = validate(kind, copy, () => undefined);
      const isSound = object !== undefined && checkRules(kind, copy).length === 0 && !holdsRefusedText(text);
      ensure(isSound === (declaration.object !== undefined), `it is sound: ${isSound}`, text);
      if (isSound) ensure(isDeepStrictEqual(declaration.object, object), 'it reads as another one', text);
    },
  }),
  fuzz('files are joined to a listing in one way, whatever their order', {
    weight: 8,
    short: 150,
    input: fc.tuple(fc.array(bytes, { maxLength: 5 }), fc.nat()),
    holds: ([files, turn]) => {
      const results = files.map((file, index) =>
        parseFile(`${index % 2 === 0 ? 'a' : 'A'}${index}.yaml`, file),
      );
      const listing = combine(results, 'folder@sha256:0');
      checkListing(listing, results);
      const at = turn % (results.length + 1);
      const turned = combine([...results.slice(at), ...results.slice(0, at)], 'folder@sha256:0');
      ensure(isDeepStrictEqual(turned, listing), 'another order gives another listing');
    },
  }),
];

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Text that no manifest may hold, escaped or not, is told apart from what schema and rules say. */
function holdsRefusedText(text: string): boolean {
  return parseFile('m.yaml', encode(text)).problems.some(({ message }) =>
    /^the (?:escaped )?character U\+|^half a surrogate pair|^quote this|^the key .* is not allowed|^merge keys/.test(
      message,
    ),
  );
}

function checkProblems({ problems, declarations }: FileResult, file: Uint8Array): void {
  const lines = decode(file).text.split('\n');
  ensure(problems.length <= mostProblems + 1, 'there are too many problems', problems.length);
  for (const problem of problems) {
    checkText(problem);
    const line = lines[problem.line - 1];
    ensure(problem.line >= 1 && line !== undefined, 'the line is none of the file', problem);
    ensure(
      problem.column >= 1 && problem.column <= line.length + 1,
      'the column is none of the line',
      problem,
    );
  }
  const isRefused = problems.length > 0;
  ensure(
    isRefused || declarations.every(({ object }) => object !== undefined),
    'something is wrong, and nobody says what',
  );
}

function checkText({ file, path, message, object }: Problem): void {
  ensurePrintable(message, LONGEST_MESSAGE);
  ensurePrintable(`${file}${path}`, LONGEST_PATH);
  if (object !== undefined) ensurePrintable(`${object.namespace}/${object.name}`, 253 + 63 + 1);
}

/** What was accepted satisfies schema and rules, and stays itself when it is written and read. */
function checkAccepted(object: NonNullable<FileResult['declarations'][number]['object']>): void {
  const copy = structuredClone(object);
  ensure(
    validate(object.kind, copy, () => undefined).object !== undefined,
    'the schema refuses what was accepted',
    object,
  );
  ensure(isDeepStrictEqual(copy, object), 'a default is missing', object);
  ensure(checkRules(object.kind, copy).length === 0, 'a rule refuses what was accepted', object);
  const again = parseFile('again.yaml', encode(toYaml(object)));
  ensure(again.problems.length === 0, 'what was accepted is refused when it is printed', again.problems);
  ensure(
    isDeepStrictEqual(again.declarations[0]?.object, object),
    'it reads as another one when it is printed',
    object,
  );
}

function checkListing({ promotions, registries, problems }: Listing, results: readonly FileResult[]): void {
  const names = [...promotions, ...registries].map(
    ({ object: { kind, metadata } }) => `${kind}/${metadata.namespace}/${metadata.name}`,
  );
  ensure(new Set(names).size === names.length, 'one object is listed twice', names);
  const told = results.reduce((sum, result) => sum + result.problems.length + result.declarations.length, 0);
  ensure(problems.length <= told, 'there are more problems than were found');
  for (const problem of problems) checkText(problem);
}
