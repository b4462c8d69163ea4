/** What Argo CD makes of our objects: its customizations, run by a real Lua over their own test tables. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LuaEngine, LuaFactory } from 'wasmoon';
import { parse } from 'yaml';
import { REASONS, type Reason } from '../../src/api/reasons.ts';

const ROOT = join(import.meta.dirname, '../../manifests/argocd/resource_customizations/modelpromotion.dev');
const KINDS = ['ModelPromotion', 'ModelRegistry'] as const;

interface HealthTests {
  readonly tests: readonly { readonly healthStatus: object; readonly inputPath: string }[];
}

interface ActionTests {
  readonly discoveryTests: readonly {
    readonly inputPath: string;
    readonly result: readonly { name: string }[];
  }[];
  readonly actionTests: readonly { action: string; inputPath: string; expectedOutputPath: string }[];
}

const read = (...path: string[]): unknown => parse(readFileSync(join(ROOT, ...path), 'utf8'));
const script = (...path: string[]): string => readFileSync(join(ROOT, ...path), 'utf8');

let lua: LuaEngine;
beforeAll(async () => {
  lua = await new LuaFactory().createEngine();
});
afterAll(() => lua.global.close());

/** Runs a script over an object, which it may change; Argo CD's clock stands still in its tests, too. */
async function run(text: string, object: unknown): Promise<unknown> {
  const literal = luaLiteral(object);
  const clock = 'os.date = function() return "0001-01-01T00:00:00" end package.loaded.os = os';
  const json = await lua.doString(
    `${ENCODE} ${clock} obj = ${literal} return encode((function() ${text} end)())`,
  );
  return JSON.parse(String(json));
}

function luaLiteral(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(luaLiteral).join(',')}}`;
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([key, one]) => `[${JSON.stringify(key)}]=${luaLiteral(one)}`)
      .join(',')}}`;
  return value === null ? 'nil' : JSON.stringify(value);
}

/** A table with a first element is a list. */
const ENCODE = `
function encode(value)
  if type(value) == "table" then
    local parts = {}
    if #value > 0 then
      for _, one in ipairs(value) do parts[#parts + 1] = encode(one) end
      return "[" .. table.concat(parts, ",") .. "]"
    end
    for key, one in pairs(value) do parts[#parts + 1] = string.format("%q", key) .. ":" .. encode(one) end
    return "{" .. table.concat(parts, ",") .. "}"
  elseif type(value) == "string" then return string.format("%q", value)
  else return tostring(value) end
end
`;

describe.each(KINDS)('The health of a %s', (kind) => {
  it.each((read(kind, 'health_test.yaml') as HealthTests).tests)(
    'in $inputPath is $healthStatus.status',
    async (test) => {
      expect(await run(script(kind, 'health.lua'), read(kind, test.inputPath))).toEqual(test.healthStatus);
    },
  );
});

describe('A promotion', () => {
  const health = async (reason: Reason, status: 'True' | 'False', extra: object[] = []): Promise<unknown> =>
    run(script('ModelPromotion', 'health.lua'), {
      metadata: { generation: 1 },
      spec: {},
      status: {
        observedGeneration: 1,
        conditions: [{ type: 'Ready', status, reason, message: 'm' }, ...extra],
      },
    });

  const expected = { ready: 'Healthy', waiting: 'Progressing', stalled: 'Degraded' } as const;
  it.each(Object.entries(REASONS))(
    'for the reason %s is what its severity, %s, says',
    async (reason, severity) => {
      const stalled =
        severity === 'stalled' ? [{ type: 'Stalled', status: 'True', reason, message: 'm' }] : [];
      const status = severity === 'ready' ? 'True' : 'False';
      expect(await health(reason as Reason, status, stalled)).toMatchObject({ status: expected[severity] });
    },
  );
});

describe('The actions', () => {
  const { discoveryTests, actionTests } = read('ModelPromotion', 'actions/action_test.yaml') as ActionTests;

  it.each(discoveryTests)('of $inputPath are those of its table', async ({ inputPath, result }) => {
    const found = await run(
      script('ModelPromotion', 'actions/discovery.lua'),
      read('ModelPromotion', 'actions', inputPath),
    );
    expect(found).toEqual(Object.fromEntries(result.map(({ name, ...rest }) => [name, rest])));
  });

  it.each(actionTests)('$action makes of $inputPath what its table says', async (test) => {
    const text = script('ModelPromotion', 'actions', test.action, 'action.lua');
    const made = await run(text, read('ModelPromotion', 'actions', test.inputPath));
    expect(made).toEqual(read('ModelPromotion', 'actions', test.expectedOutputPath));
  });
});
