import { afterEach, describe, expect, it } from 'vitest';
import { OPERATOR_REGISTRY, RegistryDirectory } from '../../../src/adapters/mlflow/directory.ts';
import { matches } from '../../../src/domain/patterns.ts';
import type { EnvironmentRegistry } from '../../../src/adapters/mlflow/environment.ts';
import type { ModelRegistry } from '../../../src/api/generated/types.ts';
import type { RegistryEntry } from '../../../src/domain/catalog.ts';

const OPERATOR: EnvironmentRegistry = {
  uri: 'http://operator:5000',
  credentials: { kind: 'none' },
  tls: {},
  workspace: undefined,
  timeout: undefined,
};

const open: RegistryDirectory[] = [];
afterEach(async () => {
  for (const directory of open.splice(0)) await directory.close();
});

function directoryOf(
  declared: readonly ModelRegistry[],
  {
    operator,
    labels = {},
    allowed = [],
  }: {
    operator?: EnvironmentRegistry;
    labels?: Record<string, Record<string, string>>;
    allowed?: readonly string[];
  } = {},
) {
  const directory = new RegistryDirectory({
    operator,
    operatorLimits: { sweepInterval: 60_000, concurrency: 4 },
    readSecret: () => Promise.reject(new Error('there are no secrets here')),
    labelsOf: (namespace) => labels[namespace],
    allowed,
    proxy: false,
    managed: () => new Set(),
    observe: () => ({ requested: () => undefined }),
  });
  open.push(directory);
  const update = (documents = declared, broken: readonly string[] = []): Promise<void> =>
    directory.update(entries(documents), new Set(broken));
  return { directory, update };
}

function entries(documents: readonly ModelRegistry[]): Map<string, RegistryEntry> {
  return new Map(
    documents.map((document) => [
      `${document.metadata.namespace}/${document.metadata.name}`,
      { document, location: { file: 'registry.yaml', line: 1, column: 1 }, generation: 1 },
    ]),
  );
}

function declare(key: string, spec: Partial<ModelRegistry['spec']> = {}): ModelRegistry {
  const [namespace = '', name = ''] = key.split('/');
  return {
    apiVersion: 'modelpromotion.dev/v1alpha1',
    kind: 'ModelRegistry',
    metadata: { namespace, name },
    spec: {
      uri: 'http://mlflow:5000',
      sweepInterval: '60s',
      limits: { concurrency: 4, requestTimeout: '30s' },
      access: [],
      ...spec,
    },
  };
}

const ask = (registry: string, namespace = 'ml', model = 'churn-eu') => ({ registry, namespace, model });

describe('a pattern of model names', () => {
  it.each<[string, string, boolean]>([
    ['churn', 'churn', true],
    ['churn', 'churn2', false],
    ['churn', 'Churn', false],
    ['*', '', true],
    ['*', 'anything at all', true],
    ['churn-*', 'churn-', true],
    ['churn-*', 'churn-eu', true],
    ['churn-*', 'my-churn-eu', false],
    ['*-eu', 'churn-eu', true],
    ['*-eu', 'churn-eu-2', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a*b*c', 'a1b2c', true],
    ['a*b*c', 'acb', false],
    ['a*b*b', 'ab', false],
    ['**', 'x', true],
    ['a.c', 'abc', false],
    ['a?c', 'abc', false],
    ['[ab]', 'a', false],
    ['', '', true],
    ['', 'a', false],
  ])('%j of %j is %j', (pattern, name, result) => {
    expect(matches(pattern, name)).toBe(result);
  });

  it('is never matched by trying again and again', () => {
    expect(matches('*a'.repeat(10_000), 'a'.repeat(9_999))).toBe(false);
  });
});

describe('access to a registry', () => {
  const access = [{ namespaces: { matchLabels: { team: 'churn' } }, models: ['churn-*'] }];
  const labels = { 'team-a': { team: 'churn', tier: 'x' }, 'team-b': { team: 'fraud' } };

  it.each<[string, string, string, 'found' | 'NotAllowed']>([
    ['its own namespace may have every model', 'ml', 'fraud', 'found'],
    ['a namespace with the label may have what the pattern names', 'team-a', 'churn-eu', 'found'],
    ['a namespace with the label may have nothing else', 'team-a', 'fraud', 'NotAllowed'],
    ['a namespace with another label may have nothing', 'team-b', 'churn-eu', 'NotAllowed'],
    ['a namespace without labels may have nothing', 'unmapped', 'churn-eu', 'NotAllowed'],
  ])('%s', async (_what, namespace, model, result) => {
    const { directory, update } = directoryOf([declare('ml/mlflow', { access })], { labels });
    await update();
    const resolved = directory.resolve(ask('ml/mlflow', namespace, model));
    expect(resolved.kind === 'found' ? 'found' : resolved.reason).toBe(result);
  });

  it('without models in the rule is to all of them, and every label must be there', async () => {
    const both = [{ namespaces: { matchLabels: { team: 'churn', tier: 'x' } } }];
    const { directory, update } = directoryOf([declare('ml/mlflow', { access: both })], {
      labels: { ...labels, half: { team: 'churn' } },
    });
    await update();
    expect(directory.resolve(ask('ml/mlflow', 'team-a', 'anything')).kind).toBe('found');
    expect(directory.resolve(ask('ml/mlflow', 'half', 'anything')).kind).toBe('refused');
  });

  it('refused says which rule refused it, and nothing of where the registry is', async () => {
    const { directory, update } = directoryOf([declare('ml/mlflow', { uri: 'http://secret-place:5000' })]);
    await update();
    const refused = directory.resolve(ask('ml/mlflow', 'elsewhere'));
    expect(refused).toMatchObject({
      kind: 'refused',
      reason: 'NotAllowed',
      message: expect.stringContaining('spec.access'),
    });
    expect(JSON.stringify(refused)).not.toContain('secret-place');
  });

  it('lets another namespace register versions only where it says so; its own may', async () => {
    const rule = { namespaces: { matchLabels: { team: 'a' } }, register: false };
    const { directory, update } = directoryOf([declare('ml/mlflow', { access: [rule] })], {
      labels: { 'team-a': { team: 'a' } },
    });
    await update();
    expect(directory.resolve(ask('ml/mlflow', 'team-a'))).toMatchObject({ mayRegister: false });
    expect(directory.resolve(ask('ml/mlflow'))).toMatchObject({ mayRegister: true });
    await update([declare('ml/mlflow', { access: [rule, { ...rule, register: true }] })]);
    expect(directory.resolve(ask('ml/mlflow', 'team-a'))).toMatchObject({ mayRegister: true });
  });

  it('changes without a new connection', async () => {
    const { directory, update } = directoryOf([declare('ml/mlflow', { access })], { labels });
    await update();
    const before = directory.resolve(ask('ml/mlflow'));
    expect(directory.resolve(ask('ml/mlflow', 'team-a')).kind).toBe('found');
    await update([declare('ml/mlflow')]);
    expect(directory.resolve(ask('ml/mlflow', 'team-a')).kind).toBe('refused');
    expect(directory.resolve(ask('ml/mlflow'))).toEqual(before);
  });
});

describe('the registries that promotions may name', () => {
  it('include none that is not declared, with what to do', () => {
    const { directory } = directoryOf([]);
    expect(directory.resolve(ask('ml/default'))).toMatchObject({
      kind: 'refused',
      reason: 'RegistryNotFound',
      message: expect.stringMatching(
        /say where it is with --registry-uri, or declare a ModelRegistry ml\/default/,
      ),
    });
  });

  it('include none that was never without mistakes, and say so; its last good version goes on', async () => {
    const { directory, update } = directoryOf([declare('ml/good')]);
    await update();
    await update([declare('ml/good')], ['ml/good', 'ml/bad']);
    expect(directory.resolve(ask('ml/good')).kind).toBe('found');
    expect(directory.resolve(ask('ml/bad'))).toEqual({
      kind: 'refused',
      reason: 'RegistryNotFound',
      message: 'ModelRegistry ml/bad has mistakes; it can be used once they are mended',
      broken: true,
    });
  });

  it("include the operator's own, called default in every namespace, which wins over a declared one", async () => {
    const { directory, update } = directoryOf([declare('ml/default')], { operator: OPERATOR });
    await update();
    expect(directory.resolve(ask('ml/default'))).toMatchObject({
      kind: 'found',
      address: 'http://operator:5000#default',
    });
    expect(directory.resolve(ask('other/default', 'other')).kind).toBe('found');
    expect(directory.list().map(({ key }) => key)).toEqual([OPERATOR_REGISTRY, 'ml/default']);
  });

  it('keep what they know until their connection is declared otherwise, or not at all', async () => {
    const { directory, update } = directoryOf([declare('ml/mlflow')]);
    await update();
    const [first] = directory.list();
    await update([declare('ml/mlflow')]);
    expect(directory.list()[0]?.registry).toBe(first?.registry);
    await update([declare('ml/mlflow', { sweepInterval: '10s' })]);
    expect(directory.list()[0]?.registry).not.toBe(first?.registry);
    expect(directory.list()[0]?.sweepInterval).toBe(10_000);
    await update([]);
    expect(directory.list()).toEqual([]);
  });

  it.each<[string, Partial<ModelRegistry['spec']>, boolean]>([
    ['spelled alike', { uri: 'http://mlflow:5000' }, true],
    ['with a slash at the end', { uri: 'http://mlflow:5000/' }, true],
    ['in capitals', { uri: 'HTTP://MLflow:5000' }, true],
    ['in the workspace that is meant where none is named', { workspace: 'default' }, true],
    ['in another workspace', { workspace: 'team-a' }, false],
    ['at another port', { uri: 'http://mlflow:5001' }, false],
    ['below a path', { uri: 'http://mlflow:5000/a' }, false],
  ])('are one registry when they lead to one server: %s', async (_what, spec, same) => {
    const { directory, update } = directoryOf([declare('ml/one'), declare('ml/other', spec)]);
    await update();
    const [one, other] = directory.list();
    expect(one?.address === other?.address).toBe(same);
  });

  it('that lead to one server let one writer at a time at a model', async () => {
    const { directory, update } = directoryOf([
      declare('ml/one'),
      declare('ml/other', { uri: 'http://mlflow:5000/' }),
    ]);
    await update();
    const [one, other] = directory.list();
    const log: string[] = [];
    const work = (who: string) => async (): Promise<void> => {
      log.push(`${who} in`);
      await new Promise((resolve) => setTimeout(resolve, 1));
      log.push(`${who} out`);
    };
    await Promise.all([one?.registry.exclusive('m', work('a')), other?.registry.exclusive('m', work('b'))]);
    expect(log).toEqual(['a in', 'a out', 'b in', 'b out']);
  });

  it('keep the lock on a model when a declaration is replaced in the middle of a write', async () => {
    const { directory, update } = directoryOf([declare('ml/mlflow')]);
    await update();
    const log: string[] = [];
    const written = Promise.withResolvers<void>();
    const writing = directory.list()[0]?.registry.exclusive('m', async () => {
      await written.promise;
      log.push('old');
    });
    await update([declare('ml/mlflow', { sweepInterval: '10s' })]);
    const next = directory.list()[0]?.registry.exclusive('m', () => Promise.resolve(log.push('new')));
    written.resolve();
    await Promise.all([writing, next]);
    expect(log).toEqual(['old', 'new']);
  });
});

describe('the credentials of a declared registry', () => {
  it.each<[string, Record<string, string> | Error, Partial<ModelRegistry['spec']>, RegExp]>([
    [
      'cannot be read',
      new Error('secret s is not for http://127.0.0.1:9'),
      { auth: { secretRef: { name: 's' } } },
      /^secret s is not for/,
    ],
    [
      'have no known key',
      { user: 'me' },
      { auth: { secretRef: { name: 's' } } },
      /^secret s has neither the key token nor/,
    ],
    [
      'lack the password',
      { username: 'me' },
      { auth: { secretRef: { name: 's' } } },
      /^secret s has neither/,
    ],
    ['lack the authority', {}, { tls: { caSecretRef: { name: 's' } } }, /^secret s has no key ca.crt/],
  ])('that %s are an error of access, in words that say what to do', async (_what, secret, spec, words) => {
    const directory = new RegistryDirectory({
      operator: undefined,
      operatorLimits: { sweepInterval: 60_000, concurrency: 4 },
      readSecret: () =>
        secret instanceof Error ? Promise.reject(secret) : Promise.resolve(new Map(Object.entries(secret))),
      labelsOf: () => undefined,
      proxy: false,
      managed: () => new Set(['m']),
      observe: () => ({ requested: () => undefined }),
    });
    open.push(directory);
    await directory.update(
      entries([declare('ml/mlflow', { uri: 'http://127.0.0.1:9', ...spec })]),
      new Set(),
    );
    const registry = directory.list()[0]?.registry;
    expect(await registry?.sweep(AbortSignal.timeout(10_000))).toBeUndefined();
    expect(registry?.health.failure).toMatchObject({
      reason: 'AccessDenied',
      message: expect.stringMatching(words),
    });
  });
});

describe('Where registries may be', () => {
  const reference = { registry: 'ml/mlflow', namespace: 'ml', model: 'churn' };

  it.each([
    [[], 'http://169.254.169.254', 'found'],
    [['https://*.example.com'], 'https://mlflow.example.com/prefix', 'found'],
    [['https://*.example.com', 'http://mlflow:5000'], 'http://mlflow:5000', 'found'],
    [['https://*.example.com'], 'http://mlflow.example.com', 'refused'],
    [['https://*.example.com'], 'https://mlflow.example.com.evil.test', 'refused'],
    [['https://*.example.com'], 'http://169.254.169.254', 'refused'],
  ] as const)('as %j says: %s is %s', async (allowed, uri, kind) => {
    const { directory, update } = directoryOf([declare('ml/mlflow', { uri })], { allowed });
    await update();
    expect(directory.resolve(reference).kind).toBe(kind);
  });

  it('is not told to those of other namespaces', async () => {
    const declared = [declare('ml/mlflow', { uri: 'http://hidden:5000' })];
    const { directory, update } = directoryOf(declared, { allowed: ['https://*.example.com'] });
    await update();
    const answers = ['ml', 'other'].map((namespace) => directory.resolve({ ...reference, namespace }));
    expect(answers[0]).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('http://hidden:5000'),
    });
    expect(JSON.stringify(answers[1])).not.toContain('hidden');
  });
});
