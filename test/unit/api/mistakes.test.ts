import { describe, expect, it } from 'vitest';
import { parseFile } from '../../../src/api/documents.ts';

/** What a reader of the message sees: place, path and words of every problem. */
function problemsOf(text: string | Uint8Array): string[] {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  return parseFile('m.yaml', bytes).problems.map(({ line, column, path, message }) =>
    [`${line}:${column}`, path, message].filter(Boolean).join(' '),
  );
}

const head = `apiVersion: modelpromotion.dev/v1alpha1
kind: ModelPromotion
metadata:
  name: churn
`;

/** A promotion whose spec begins in line 6 with the model, and goes on with the lines given. */
function spec(lines: string): string {
  return `${head}spec:\n  model: churn\n${lines}`;
}

function stage(lines: string): string {
  return spec(`  stages:\n    - name: Production\n${lines}`);
}

function registry(lines: string): string {
  return head.replace('ModelPromotion', 'ModelRegistry') + `spec:\n${lines}`;
}

interface Row {
  readonly mistake: string;
  readonly text: string | Uint8Array;
  readonly expected: string;
}

const valid = stage('      version: "4"\n');

const bytesThatAreNotText: Row[] = [
  {
    mistake: 'Latin-1',
    text: Uint8Array.of(0x61, 0x0a, 0x62, 0xc3, 0xa9, 0xe9, 0x0a),
    expected: '2:3 these bytes are not UTF-8; save the file as UTF-8',
  },
  {
    mistake: 'UTF-16',
    text: Uint8Array.of(0xff, 0xfe, 0x61, 0),
    expected: '1:1 the file is UTF-16; save it as UTF-8',
  },
  {
    mistake: 'a NUL',
    text: 'a: b\nc: \0\n',
    expected: '2:4 the character U+0000 is not allowed; in a quoted value write an escape',
  },
  {
    mistake: 'an escape sequence of a terminal',
    text: 'a: \u001b[31m',
    expected: '1:4 the character U+001B is not allowed; in a quoted value write an escape',
  },
  {
    mistake: 'text turned around',
    text: 'a: x\u202ey',
    expected: '1:5 the character U+202E is not allowed; in a quoted value write an escape',
  },
  {
    mistake: 'a lone CR',
    text: 'a: b\rc: d',
    expected: '1:5 the character U+000D is not allowed; in a quoted value write an escape',
  },
];

const brokenYaml: Row[] = [
  {
    mistake: 'a list that never ends',
    text: `${head}spec: [\n`,
    expected:
      '6:1 broken YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
  },
  {
    mistake: 'a tab as indentation',
    text: `${head}spec:\n\tmodel: x\n`,
    expected: '6:1 a tab is used as indentation; YAML wants spaces',
  },
  {
    mistake: 'a template',
    text: 'name: {{ .Values.name }}\n',
    expected: '1:8 a key must be plain text; quote it if braces or brackets belong to it',
  },
  {
    mistake: 'two documents, one broken',
    text: `a: b: c\n---\n${valid}`,
    expected: '1:4 broken YAML: Nested mappings are not allowed in compact mappings',
  },
  {
    mistake: 'a key given twice',
    text: stage('      version: "4"\n      version: "5"\n'),
    expected: '10:7 spec.stages[0].version the key "version" is given twice',
  },
  {
    mistake: 'an alias without an anchor',
    text: stage('      version: *v\n'),
    expected: '9:16 spec.stages[0].version the alias "*v" has no anchor before it',
  },
  {
    mistake: 'a merge key',
    text: stage('      version: "4"\n      <<: { archiveExisting: false }\n'),
    expected: '10:7 spec.stages[0]["<<"] merge keys (<<) are not supported; repeat the fields',
  },
  {
    mistake: 'an explicit tag',
    text: stage('      version: !!str 4\n'),
    expected: '9:22 spec.stages[0].version the tag "tag:yaml.org,2002:str" is not supported; remove it',
  },
  {
    mistake: 'a directive',
    text: `%YAML 1.1\n---\n${valid}`,
    expected: '1:1 YAML directives are not supported; remove the line',
  },
  {
    mistake: 'the key __proto__',
    text: stage('      version: "4"\n      __proto__: { a: b }\n'),
    expected: '10:7 spec.stages[0]["__proto__"] the key "__proto__" is not allowed',
  },
  {
    mistake: 'the key constructor',
    text: stage('      version: "4"\n      constructor: x\n'),
    expected: '10:7 spec.stages[0].constructor the key "constructor" is not allowed',
  },
  {
    mistake: 'the key prototype',
    text: stage('      version: "4"\n      tags: { prototype: x }\n'),
    expected: '10:15 spec.stages[0].tags.prototype the key "prototype" is not allowed',
  },
  {
    mistake: 'an escaped NUL',
    text: stage('      version: "4"\n      description: "a\\0"\n'),
    expected: '10:20 spec.stages[0].description the escaped character U+0000 is not allowed',
  },
];

const wordsThatKubectlReadsDifferently: Row[] = [
  ['yes', 'true'],
  ['off', 'false'],
  ['012', 'an octal number'],
  ['1_000', '1000'],
  ['12:30', 'a number to the base of 60'],
].map(([word, reading]) => ({
  mistake: `the plain word ${word}`,
  text: stage(`      version: "4"\n      description: ${word}\n`),
  expected: `10:20 spec.stages[0].description quote this value: kubectl and YAML 1.1 read the plain ${word} as ${reading}`,
}));

const whoseDocument: Row[] = [
  {
    mistake: 'a misspelt kind',
    text: valid.replace('ModelPromotion', 'ModelPromotoin'),
    expected: '2:7 kind unknown kind "ModelPromotoin"; did you mean "ModelPromotion"?',
  },
  {
    mistake: 'a kind of nobody',
    text: valid.replace('ModelPromotion', 'Deployment'),
    expected: '2:7 kind unknown kind "Deployment"; the kinds are ModelPromotion or ModelRegistry',
  },
  {
    mistake: 'a version to come',
    text: valid.replace('v1alpha1', 'v1'),
    expected:
      '1:13 apiVersion unknown version "modelpromotion.dev/v1"; did you mean "modelpromotion.dev/v1alpha1"?',
  },
  {
    mistake: 'a misspelt group',
    text: valid.replace('modelpromotion.dev', 'modelpromotions.dev'),
    expected:
      '1:13 apiVersion unknown group "modelpromotions.dev/v1alpha1"; did you mean "modelpromotion.dev/v1alpha1"?',
  },
  {
    mistake: 'no apiVersion',
    text: valid.split('\n').slice(1).join('\n'),
    expected: '1:1 apiVersion the field "apiVersion" is missing: modelpromotion.dev/v1alpha1',
  },
  {
    mistake: 'no kind',
    text: valid.replace('kind: ModelPromotion\n', ''),
    expected: '1:1 kind the field "kind" is missing: ModelPromotion or ModelRegistry',
  },
];

const wrongFields: Row[] = [
  {
    mistake: 'an unknown field',
    text: stage('      version: "4"\n      archived: true\n'),
    expected: '10:7 spec.stages[0].archived unknown field "archived"',
  },
  {
    mistake: 'a misspelt field',
    text: stage('      verson: "4"\n'),
    expected: '9:7 spec.stages[0].verson unknown field "verson"; did you mean "version"?',
  },
  {
    mistake: 'a misspelt list of targets',
    text: spec('  stage: []\n'),
    expected: '7:3 spec.stage unknown field "stage"; did you mean "stages"?',
  },
  {
    mistake: 'a misspelt field that is required',
    text: valid.replace('model:', 'modle:'),
    expected: '6:3 spec.modle unknown field "modle"; did you mean "model"?',
  },
  {
    mistake: 'a status',
    text: `${valid}status: {}\n`,
    expected: '10:1 status status is written by the controller; remove it',
  },
  {
    mistake: 'what the API server writes',
    text: valid.replace('  name: churn', '  name: churn\n  uid: abc'),
    expected: '5:3 metadata.uid uid is written by the API server; remove it',
  },
  {
    mistake: 'no model',
    text: valid.replace('  model: churn\n', ''),
    expected: '5:1 spec.model the field "model" is missing',
  },
  { mistake: 'no spec', text: head, expected: '1:1 spec the field "spec" is missing' },
  {
    mistake: 'no metadata',
    text: valid.replace('metadata:\n  name: churn\n', ''),
    expected: '1:1 metadata the field "metadata" is missing',
  },
  {
    mistake: 'no name',
    text: valid.replace('  name: churn', '  labels: {}'),
    expected: '3:1 metadata.name the field "name" is missing',
  },
  {
    mistake: 'a name with capitals',
    text: valid.replace('  name: churn', '  name: Churn'),
    expected:
      '4:9 metadata.name "Churn" is not an object name (a DNS-1123 subdomain): lower-case letters, digits, "-" and ".", a letter or digit at both ends of each part',
  },
  {
    mistake: 'a namespace with a dot',
    text: valid.replace('  name: churn', '  name: churn\n  namespace: a.b'),
    expected:
      '5:14 metadata.namespace "a.b" is not a namespace: lower-case letters, digits and "-", a letter or digit at both ends',
  },
  {
    mistake: 'no stage name',
    text: spec('  stages:\n    - version: "4"\n'),
    expected: '8:7 spec.stages[0].name the field "name" is missing',
  },
  {
    mistake: 'an empty value',
    text: spec('  stages:\n'),
    expected: '7:10 spec.stages must be a list, but is empty; give a value or remove the line',
  },
  {
    mistake: 'a list where a map belongs',
    text: `${head}spec: []\n`,
    expected: '5:7 spec must be a map of fields, not a list',
  },
  {
    mistake: 'text where a map belongs',
    text: stage('      versionFrom: Staging\n'),
    expected: '9:20 spec.stages[0].versionFrom must be a map of fields, not "Staging"',
  },
  {
    mistake: 'text where a boolean belongs',
    text: `${valid}  suspend: "true"\n`,
    expected: '10:12 spec.suspend must be true or false, not "true"',
  },
  {
    mistake: 'a number where text belongs',
    text: valid.replace('model: churn', 'model: 1.10'),
    expected: '6:10 spec.model must be a string; quote it: "1.10"',
  },
];

const notAVersion = 'is not a positive whole number in quotes, such as "4"';
const notAnAlias = 'is not an alias: letters, digits, "_" and "-"';
const notAModel = 'is not a model name: not blank, and without "/" and ":"';

const wrongValues: Row[] = [
  {
    mistake: 'a version without quotes',
    text: stage('      version: 4\n'),
    expected: '9:16 spec.stages[0].version must be a string; quote it: "4"',
  },
  {
    mistake: 'version zero',
    text: stage('      version: "0"\n'),
    expected: `9:16 spec.stages[0].version "0" ${notAVersion}`,
  },
  {
    mistake: 'a negative version',
    text: stage('      version: -1\n'),
    expected: `9:16 spec.stages[0].version -1 ${notAVersion}`,
  },
  {
    mistake: 'a version with a fraction',
    text: stage('      version: 1.5\n'),
    expected: `9:16 spec.stages[0].version 1.5 ${notAVersion}`,
  },
  {
    mistake: 'version latest',
    text: stage('      version: latest\n'),
    expected: `9:16 spec.stages[0].version "latest" ${notAVersion}`,
  },
  {
    mistake: 'a version of 11 digits',
    text: stage('      version: "12345678901"\n'),
    expected: '9:16 spec.stages[0].version has 11 characters; at most 10 are allowed',
  },
  {
    mistake: 'a stage in lower case',
    text: valid.replace('Production', 'production'),
    expected:
      '8:13 spec.stages[0].name must be Staging or Production, not "production"; did you mean "Production"?',
  },
  {
    mistake: 'a stage cut short',
    text: valid.replace('Production', 'Prod'),
    expected:
      '8:13 spec.stages[0].name must be Staging or Production, not "Prod"; did you mean "Production"?',
  },
  {
    mistake: 'the alias latest',
    text: spec('  aliases: [{ name: Latest, version: "4" }]\n'),
    expected:
      '7:21 spec.aliases[0].name "Latest" is an alias that MLflow reserves: "latest", or "v" and digits',
  },
  {
    mistake: 'the alias v3',
    text: spec('  aliases: [{ name: v3, version: "4" }]\n'),
    expected: '7:21 spec.aliases[0].name "v3" is an alias that MLflow reserves: "latest", or "v" and digits',
  },
  {
    mistake: 'an alias with a colon',
    text: spec('  aliases: [{ name: "a:b", version: "4" }]\n'),
    expected: `7:21 spec.aliases[0].name "a:b" ${notAnAlias}`,
  },
  {
    mistake: 'an empty alias',
    text: spec('  aliases: [{ name: "", version: "4" }]\n'),
    expected: '7:21 spec.aliases[0].name must not be empty',
  },
  {
    mistake: 'an alias that is too long',
    text: spec(`  aliases: [{ name: ${'a'.repeat(256)}, version: "4" }]\n`),
    expected: '7:21 spec.aliases[0].name has 256 characters; at most 255 are allowed',
  },
  {
    mistake: 'a model with a slash',
    text: valid.replace('model: churn', 'model: a/b'),
    expected: `6:10 spec.model "a/b" ${notAModel}`,
  },
  {
    mistake: 'a blank model',
    text: valid.replace('model: churn', 'model: " "'),
    expected: `6:10 spec.model " " ${notAModel}`,
  },
  {
    mistake: 'the model ..',
    text: valid.replace('model: churn', 'model: ..'),
    expected: '6:10 spec.model MLflow refuses the model names "." and ".."',
  },
  {
    mistake: 'a long wrong value',
    text: valid.replace('model: churn', `model: ${'a/'.repeat(99)}`),
    expected: `6:10 spec.model "${'a/'.repeat(30)}…" ${notAModel}`,
  },
  {
    mistake: 'a duration without unit',
    text: `${valid}  interval: 30\n`,
    expected: '10:13 spec.interval 30 is not a duration such as 30s, 5m or 1h30m',
  },
  {
    mistake: 'a duration of days',
    text: `${valid}  interval: 1d\n`,
    expected: '10:13 spec.interval "1d" is not a duration such as 30s, 5m or 1h30m',
  },
  {
    mistake: 'a duration that is too short',
    text: `${valid}  interval: 999ms\n`,
    expected: '10:13 spec.interval "999ms" is not between 1s and 576h (24 days)',
  },
  {
    mistake: 'a duration that is too long',
    text: registry('  uri: http://a\n  sweepInterval: 577h\n'),
    expected: '7:18 spec.sweepInterval "577h" is not between 1s and 576h (24 days)',
  },
  {
    mistake: 'a timeout that is too short',
    text: registry('  uri: http://a\n  limits: { requestTimeout: 0s }\n'),
    expected: '7:29 spec.limits.requestTimeout "0s" is not between 1s and 576h (24 days)',
  },
  {
    mistake: 'too many requests at once',
    text: registry('  uri: http://a\n  limits: { concurrency: 65 }\n'),
    expected: '7:26 spec.limits.concurrency must be between 1 and 64, not 65',
  },
  {
    mistake: 'credentials in the address',
    text: registry('  uri: http://me:secret@a\n'),
    expected:
      '6:8 spec.uri "http://me:secret@a" is not an http or https URL without user name, password, query and fragment',
  },
  {
    mistake: 'an address that is none',
    text: registry('  uri: http://a:99999\n'),
    expected: '6:8 spec.uri "http://a:99999" is not a URL',
  },
  {
    mistake: 'labels that match everything',
    text: registry('  uri: http://a\n  access: [{ namespaces: { matchLabels: {} } }]\n'),
    expected: '7:41 spec.access[0].namespaces.matchLabels must not be empty',
  },
  {
    mistake: 'a tag key that is a path',
    text: stage('      version: "4"\n      tags: { a/../b: x }\n'),
    expected:
      '10:15 spec.stages[0].tags["a/../b"] MLflow refuses the tag key "a/../b": no part of it may be "." or "..", and it may not start with ".."',
  },
  {
    mistake: 'a reserved tag key',
    text: stage('      version: "4"\n      tags: { modelpromotion.dev/owner: x }\n'),
    expected:
      '10:15 spec.stages[0].tags["modelpromotion.dev/owner"] tag keys under "modelpromotion.dev/" and "mlflow.prompt." are reserved',
  },
  {
    mistake: 'a tag key with a comma',
    text: stage('      version: "4"\n      tags: { "a,b": x }\n'),
    expected:
      '10:15 spec.stages[0].tags["a,b"] "a,b" is not a tag key: letters, digits and "_.: -", in parts joined by "/"',
  },
];

const staging = '    - name: Staging\n';
const fight = 'is declared in this promotion too; a version has one stage, so the two would fight';

const betweenFields: Row[] = [
  {
    mistake: 'no target',
    text: spec(''),
    expected: '5:1 spec a promotion declares at least one stage or alias',
  },
  {
    mistake: 'neither version nor versionFrom',
    text: stage(''),
    expected: '8:7 spec.stages[0] give either version or versionFrom',
  },
  {
    mistake: 'both version and versionFrom',
    text: stage('      version: "4"\n      versionFrom: { alias: a }\n'),
    expected: '10:7 spec.stages[0].versionFrom give either version or versionFrom, not both',
  },
  {
    mistake: 'no selector',
    text: stage('      versionFrom: {}\n'),
    expected:
      '9:20 spec.stages[0].versionFrom give exactly one selector: stage, alias, runId, source, latest or best',
  },
  {
    mistake: 'a filter that MLflow would refuse',
    text: stage("      versionFrom: { latest: { filter: stage = 'Production' } }\n"),
    expected:
      '9:40 spec.stages[0].versionFrom.latest.filter MLflow cannot filter versions by "stage"; there are name, run_id, source_path, version_number and tags.NAME',
  },
  {
    mistake: 'bounds with nothing between them',
    text: stage('      versionFrom: { best: { metric: f1, goal: maximize, min: 2, max: 1 } }\n'),
    expected:
      '9:63 spec.stages[0].versionFrom.best.min min is above max, so that no version would be considered',
  },
  {
    mistake: 'a bound that is no number',
    text: stage('      versionFrom: { best: { metric: f1, goal: maximize, min: .nan } }\n'),
    expected: '9:63 spec.stages[0].versionFrom.best.min must be a number, not NaN',
  },
  {
    mistake: 'a metric without a goal',
    text: stage('      versionFrom: { best: { metric: f1 } }\n'),
    expected: '9:22 spec.stages[0].versionFrom.best.goal the field "goal" is missing',
  },
  {
    mistake: 'an improvement below nothing',
    text: stage('      versionFrom: { best: { metric: f1, goal: minimize, minImprovement: -1 } }\n'),
    expected: '9:74 spec.stages[0].versionFrom.best.minImprovement must be at least 0, not -1',
  },
  {
    mistake: 'a source that is none',
    text: stage('      versionFrom: { source: s3://bucket/model }\n'),
    expected:
      '9:30 spec.stages[0].versionFrom.source "s3://bucket/model" is not a source such as runs:/<run id>/model or models:/m-<model id>',
  },
  {
    mistake: 'a pin without a rule',
    text: stage(
      '      version: "4"\n      pin: { version: "3", reason: x, until: "2026-12-31T00:00:00Z" }\n',
    ),
    expected: '10:7 spec.stages[0].pin a pin stands beside versionFrom; without a rule, version says it all',
  },
  {
    mistake: 'a pin for ever',
    text: stage(
      '      versionFrom: { latest: {} }\n      pin: { version: "3", reason: x, until: "2026-13-31T00:00:00Z" }\n',
    ),
    expected: '10:46 spec.stages[0].pin.until "2026-13-31T00:00:00Z" is no time that there is',
  },
  {
    mistake: 'two selectors',
    text: stage('      versionFrom: { alias: a, stage: Staging }\n'),
    expected:
      '9:20 spec.stages[0].versionFrom give exactly one selector: stage, alias, runId, source, latest or best',
  },
  {
    mistake: 'one version in two stages',
    text: stage(`      version: "4"\n${staging}      version: "4"\n`),
    expected:
      '11:16 spec.stages[1].version Production asks for the version "4" too; MLflow gives a version one stage',
  },
  {
    mistake: 'one version in two stages by an alias',
    text: stage(
      `      version: "4"\n${staging}      versionFrom: { alias: a }\n  aliases: [{ name: a, version: "4" }]\n`,
    ),
    expected:
      '11:29 spec.stages[1].versionFrom.alias Production asks for the version "4" too; MLflow gives a version one stage',
  },
  {
    mistake: 'one alias for two stages',
    text: stage(`      versionFrom: { alias: a }\n${staging}      versionFrom: { alias: a }\n`),
    expected:
      '11:29 spec.stages[1].versionFrom.alias Production asks for the version of the alias "a" too; MLflow gives a version one stage',
  },
  {
    mistake: 'one stage twice',
    text: stage('      version: "4"\n    - name: Production\n      version: "5"\n'),
    expected:
      '10:13 spec.stages[1].name the stage "Production" is declared twice; it is in spec.stages[0] already',
  },
  {
    mistake: 'one alias twice',
    text: spec('  aliases: [{ name: a, version: "4" }, { name: a, version: "4" }]\n'),
    expected: '7:48 spec.aliases[1].name the alias "a" is declared twice; it is in spec.aliases[0] already',
  },
  {
    mistake: 'a stage from a declared stage',
    text: stage(`      versionFrom: { stage: Staging }\n${staging}      version: "4"\n`),
    expected: `9:29 spec.stages[0].versionFrom.stage Staging ${fight}`,
  },
  {
    mistake: 'a stage from a declared stage by an alias',
    text: stage(
      `      versionFrom: { alias: a }\n${staging}      version: "4"\n  aliases: [{ name: a, versionFrom: { stage: Staging } }]\n`,
    ),
    expected: `9:29 spec.stages[0].versionFrom.alias Staging ${fight}`,
  },
  {
    mistake: 'a stage from itself',
    text: stage('      versionFrom: { stage: Production }\n'),
    expected: '9:29 spec.stages[0].versionFrom.stage a stage cannot select from itself',
  },
  {
    mistake: 'a stage from itself by an alias',
    text: stage(
      '      versionFrom: { alias: a }\n  aliases: [{ name: a, versionFrom: { stage: Production } }]\n',
    ),
    expected: '9:29 spec.stages[0].versionFrom.alias a stage and an alias cannot select from each other',
  },
  {
    mistake: 'an alias from itself',
    text: spec('  aliases: [{ name: a, versionFrom: { alias: a } }]\n'),
    expected: '7:46 spec.aliases[0].versionFrom.alias an alias cannot select from itself',
  },
  {
    mistake: 'a circle of three',
    text: spec(
      '  aliases:\n    - { name: z, versionFrom: { alias: a } }\n    - { name: a, versionFrom: { alias: b } }\n    - { name: b, versionFrom: { alias: c } }\n    - { name: c, versionFrom: { alias: a } }\n',
    ),
    expected:
      '9:40 spec.aliases[1].versionFrom.alias targets select from each other in a circle: "a" from "b" from "c" from "a"',
  },
];

describe.each([
  ['bytes', bytesThatAreNotText],
  ['YAML', brokenYaml],
  ['two meanings', wordsThatKubectlReadsDifferently],
  ['kinds', whoseDocument],
  ['fields', wrongFields],
  ['values', wrongValues],
  ['rules between fields', betweenFields],
])('one mistake is one problem at its place: %s', (_, rows) => {
  it.each(rows)('$mistake', ({ text, expected }) => {
    expect(problemsOf(text)).toEqual([expected]);
  });
});

it('reports everything that is wrong at once, in the order of the file', () => {
  const text = `${head}spec:
  modle: churn
  stages:
    - name: production
      version: 4
    - name: Staging
      version: 012
      versionFrom: { stage: Staging, alias: latest }
  interval: 1ms
  suspend: yes
---
nothing: of ours
---
${valid.replace('"4"', '"0"')}`;
  expect(problemsOf(text)).toEqual([
    '6:3 spec.modle unknown field "modle"; did you mean "model"?',
    '8:13 spec.stages[0].name must be Staging or Production, not "production"; did you mean "Production"?',
    '9:16 spec.stages[0].version must be a string; quote it: "4"',
    '11:16 spec.stages[1].version quote this value: kubectl and YAML 1.1 read the plain 012 as an octal number',
    '12:20 spec.stages[1].versionFrom give exactly one selector: stage, alias, runId, source, latest or best',
    '12:45 spec.stages[1].versionFrom.alias "latest" is an alias that MLflow reserves: "latest", or "v" and digits',
    '13:13 spec.interval "1ms" is not between 1s and 576h (24 days)',
    '14:12 spec.suspend quote this value: kubectl and YAML 1.1 read the plain yes as true',
    `26:16 spec.stages[0].version "0" ${notAVersion}`,
  ]);
});

describe('positions', () => {
  const wrong = stage('      version: 4\n');

  it('stay right with Windows line ends', () => {
    expect(problemsOf(wrong.replaceAll('\n', '\r\n'))).toEqual(problemsOf(wrong));
  });

  it('stay right after a byte-order mark, in the first line too', () => {
    expect(problemsOf(`\ufeff${wrong}`)).toEqual(problemsOf(wrong));
    expect(problemsOf(`\ufeffa: b: c`)).toEqual(problemsOf('a: b: c'));
  });

  it('count columns in UTF-16 code units', () => {
    expect(problemsOf(stage('      version: "4"\n      tags: { é😀: 1 }\n'))).toEqual([
      '10:20 spec.stages[0].tags["é😀"] must be a string; quote it: "1"',
    ]);
  });

  it('point into the anchored part when an alias brings in a mistake, once', () => {
    const text = spec(
      '  stages: [{ name: Staging, versionFrom: &from { alias: a.b } }]\n  aliases: [{ name: x, versionFrom: *from }]\n',
    );
    expect(problemsOf(text)).toEqual([`7:57 spec.stages[0].versionFrom.alias "a.b" ${notAnAlias}`]);
  });
});

describe('the object of a problem', () => {
  function objectOf(text: string): unknown {
    return parseFile('m.yaml', new TextEncoder().encode(text)).problems[0]?.object;
  }

  it('is named when its kind and name can be read', () => {
    expect(objectOf(stage('      version: 4\n'))).toEqual({
      kind: 'ModelPromotion',
      namespace: 'default',
      name: 'churn',
    });
  });

  it('is not named when the document is broken or the name could be none', () => {
    expect(objectOf(`${valid}  : [`)).toBeUndefined();
    expect(objectOf(valid.replace('name: churn', 'name: CHURN'))).toBeUndefined();
  });
});
