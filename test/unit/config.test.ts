import { describe, expect, it } from 'vitest';
import {
  ConfigError,
  describeDefault,
  OPTIONS,
  resolveOptions,
  variableOf,
  type OptionName,
} from '../../src/config.ts';

type Given = Readonly<Record<string, string | boolean | readonly string[]>>;

function value(name: OptionName, flags: Given = {}, env: Readonly<Record<string, string>> = {}): unknown {
  return resolveOptions([name], flags, env)[name];
}

function mistakes(
  names: readonly OptionName[],
  flags: Given,
  env: Readonly<Record<string, string>> = {},
): readonly string[] {
  try {
    resolveOptions(names, flags, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
}

describe('an option', () => {
  it.each<[string, OptionName, Given, Readonly<Record<string, string>>, unknown]>([
    ['has its default', 'git-branch', {}, {}, 'main'],
    ['may have none', 'git-url', {}, {}, undefined],
    ['comes from its variable', 'git-branch', {}, { MODELPROMOTION_GIT_BRANCH: 'env' }, 'env'],
    [
      'comes from its flag before that',
      'git-branch',
      { 'git-branch': 'flag' },
      { MODELPROMOTION_GIT_BRANCH: 'env' },
      'flag',
    ],
    ['may be emptied by its variable', 'status-branch', {}, { MODELPROMOTION_STATUS_BRANCH: '' }, ''],
    ['may be emptied by its flag', 'status-branch', { 'status-branch': '' }, {}, ''],
    ['of time is in milliseconds', 'git-interval', {}, {}, 30_000],
    ['of time adds up', 'timeout', { timeout: '1h30m' }, {}, 5_400_000],
    ['of time may be short', 'git-interval', { 'git-interval': '100ms' }, {}, 100],
    ['of a number is a number', 'workers', {}, { MODELPROMOTION_WORKERS: '12' }, 12],
    [
      'of a number has its default where the variable is empty',
      'workers',
      {},
      { MODELPROMOTION_WORKERS: '' },
      40,
    ],
    ['of yes and no is no', 'allow-empty', {}, {}, false],
    ['of yes and no is yes by its flag', 'allow-empty', { 'allow-empty': true }, {}, true],
    ['of yes and no is yes by its variable', 'allow-empty', {}, { MODELPROMOTION_ALLOW_EMPTY: 'Yes' }, true],
    ['of yes and no is no by its variable', 'allow-empty', {}, { MODELPROMOTION_ALLOW_EMPTY: '0' }, false],
    [
      'of yes and no may be taken back by its flag',
      'allow-empty',
      { 'allow-empty': false },
      { MODELPROMOTION_ALLOW_EMPTY: '1' },
      false,
    ],
    ['of a name is a name', 'installation', { installation: 'team-a.prod_1' }, {}, 'team-a.prod_1'],
    ['of a share is which of how many', 'shard', { shard: '2/3' }, {}, { index: 2, count: 3 }],
    ['of a share is all by default', 'shard', {}, {}, undefined],
    ['of several is none by default', 'metric', {}, {}, []],
    [
      'of several is all that were given',
      'tag',
      { tag: ['a=1\n2', 'b'] },
      { MODELPROMOTION_TAG: 'c' },
      ['a=1\n2', 'b'],
    ],
    ['of several is one a line in its variable', 'tag', {}, { MODELPROMOTION_TAG: 'a=1\nb' }, ['a=1', 'b']],
    ['of an age may be days', 'older-than', { 'older-than': '1.5d' }, {}, 129_600_000],
    ['of an age may be weeks', 'older-than', { 'older-than': '2w' }, {}, 1_209_600_000],
    ['of an age may be a duration', 'newer-than', { 'newer-than': '1h30m' }, {}, 5_400_000],
    ['of an age is nothing by default', 'newer-than', {}, {}, undefined],
    ['of a choice is one of them', 'output', { output: 'json' }, {}, 'json'],
    ['of a choice may have no default', 'source', {}, {}, undefined],
    ["has MLflow's variables too", 'registry-uri', {}, { MLFLOW_TRACKING_URI: 't' }, 't'],
    [
      "has MLflow's variables in MLflow's order",
      'registry-uri',
      {},
      { MLFLOW_TRACKING_URI: 't', MLFLOW_REGISTRY_URI: 'r' },
      'r',
    ],
    [
      "skips MLflow's variables that are empty",
      'registry-uri',
      {},
      { MLFLOW_TRACKING_URI: 't', MLFLOW_REGISTRY_URI: '' },
      't',
    ],
    [
      "has its own variable before MLflow's",
      'registry-uri',
      {},
      { MODELPROMOTION_REGISTRY_URI: 'o', MLFLOW_REGISTRY_URI: 'r' },
      'o',
    ],
  ])('%s', (_what, name, flags, env, expected) => {
    expect(value(name, flags, env)).toEqual(expected);
  });

  it.each<[OptionName, string, RegExp]>([
    ['git-interval', '99ms', /^--git-interval: 99ms is shorter than 100ms$/],
    ['sweep-interval', '0s', /0s is shorter than 1s/],
    ['sweep-interval', '577h', /577h is longer than 576h/],
    ['sweep-interval', '60', /"60" is not a duration; write 30s, 5m or 1h30m/],
    ['sweep-interval', '', /"" is not a duration/],
    ['sweep-interval', '-5s', /is not a duration/],
    ['workers', '0', /"0" is not a whole number from 1 to 256/],
    ['workers', '257', /is not a whole number/],
    ['workers', '1.5', /is not a whole number/],
    ['workers', '1e2', /is not a whole number/],
    ['workers', ' 8', /is not a whole number/],
    ['output', 'xml', /"xml" is not one of table, json, yaml, markdown/],
    ['output', 'JSON', /is not one of/],
    ['installation', 'team/a', /^--installation: "team\/a" is not a name: letters, digits/],
    ['installation', '', /"" is not a name/],
    ['installation', '..', /is not a name/],
    ['installation', 'a b', /is not a name/],
    ['installation', 'ä', /is not a name/],
    ['installation', 'x'.repeat(64), /is not a name/],
    ['shard', '3/3', /^--shard: "3\/3" is no share; of three, write 0\/3, 1\/3 and 2\/3/],
    ['shard', '1', /is no share/],
    ['shard', '-1/3', /is no share/],
    ['shard', '0/0', /is no share/],
    ['shard', '0/65', /at most 64/],
    ['shard', '', /is no share/],
    ['older-than', '', /"" is not an age; write 12h, 30d or 2w/],
    ['older-than', '30', /"30" is not an age/],
    ['older-than', '-3d', /is not an age/],
    ['older-than', '3d12h', /is not an age/],
    ['stage', 'Live', /"Live" is not accepted; write None, Staging, Production or Archived/],
    ['alias', 'a b', /"a b" is not accepted; write an alias/],
    ['tag', '=1', /"=1" is not accepted; write KEY or KEY=VALUE/],
    ['metric', 'accuracy', /"accuracy" is not accepted; write METRIC, then >=/],
    ['goal', 'loss=low', /"loss=low" is not accepted; write METRIC=min or METRIC=max/],
    ['allow-empty', 'maybe', /"maybe" is neither true nor false/],
    ['output', '\u{9b}2J\u{202e}', /^--output: "\\u\{9b\}2J\\u\{202e\}" is not one of/],
    ['sweep-interval', '9h'.repeat(5_000), /^--sweep-interval: (?:9h){30}… is longer than 576h$/],
  ])('--%s %j is refused', (name, text, words) => {
    expect(mistakes([name], { [name]: text })).toEqual([expect.stringMatching(words)]);
  });

  it('that is wrong is told together with all others, each by where it came from', () => {
    const env = { MODELPROMOTION_WORKERS: 'many', MODELPROMOTION_OUTPUT: 'xml' };
    expect(mistakes(['workers', 'output', 'timeout', 'path'], { timeout: 'soon' }, env)).toEqual([
      'MODELPROMOTION_WORKERS: "many" is not a whole number from 1 to 256',
      'MODELPROMOTION_OUTPUT: "xml" is not one of table, json, yaml, markdown',
      '--timeout: "soon" is not a duration; write 30s, 5m or 1h30m',
    ]);
  });

  it('that nobody asked for is not looked at', () => {
    expect(mistakes(['path'], {}, { MODELPROMOTION_WORKERS: 'many' })).toEqual([]);
  });
});

describe('the table of options', () => {
  const names = Object.keys(OPTIONS) as OptionName[];

  it('gives every option a variable of its own and words for the help', () => {
    const variables = names.map(variableOf);
    expect(new Set(variables).size).toBe(names.length);
    for (const variable of variables) expect(variable).toMatch(/^MODELPROMOTION_[A-Z_]+$/);
    for (const name of names) expect(OPTIONS[name].help.length).toBeGreaterThan(10);
  });

  it('has defaults that it would accept itself', () => {
    expect(mistakes(names, {})).toEqual([]);
    for (const name of names) {
      const option: { type: string; default?: string | number } = OPTIONS[name];
      if (option.default !== undefined)
        expect(mistakes([name], { [name]: String(option.default) })).toEqual([]);
    }
  });

  it('says in the help where a default depends', () => {
    expect(describeDefault(OPTIONS['git-branch'])).toBe('main');
    expect(describeDefault(OPTIONS.source)).toBe('git when --git-url is given, kubernetes in a cluster');
    expect(describeDefault(OPTIONS['git-url'])).toBeUndefined();
    expect(describeDefault(OPTIONS.workers)).toBe('40');
  });
});
