/** The status branch may have been written by a stranger. What is read back from it must not end the process. */
import * as fc from 'fast-check';
import { isFields } from '../../../src/api/fields.ts';
import { modelPromotionStatusSchema } from '../../../src/api/generated/schemas.ts';
import { readStatusFile, statusPath } from '../../../src/api/status-file.ts';
import { toYaml } from '../../../src/api/yaml.ts';
import { aModel } from '../../support/builders.ts';
import { MemoryRegistry } from '../../support/memory-registry.ts';
import { fromSchema } from '../arbitraries/from-schema.ts';
import { edits, soundPromotion, withEdits } from '../arbitraries/manifests.ts';
import { anEngine, live } from '../engine-home.ts';
import { ensure, fuzz, type Fuzz } from '../fuzz.ts';

const status = fromSchema(modelPromotionStatusSchema);

const stored = fc
  .tuple(soundPromotion, status, fc.nat(9), fc.oneof(fc.constant([]), edits))
  .map(([manifest, status, generation, edits]) => {
    const metadata = isFields(manifest['metadata']) ? manifest['metadata'] : {};
    const document = {
      ...manifest,
      metadata: { namespace: 'ml', ...metadata, uid: 'u', generation },
      status,
    };
    const { namespace, name } = document.metadata as { namespace: string; name?: string };
    return { path: statusPath(`${namespace}/${name}`), text: toYaml(withEdits(document, edits)) };
  });

const strange = fc.record({
  path: fc.constant('ml/churn.yaml'),
  text: fc.string({ unit: 'binary', maxLength: 60 }),
});

export const statuses: readonly Fuzz[] = [
  fuzz('a status that anybody wrote is taken back or left, and a pass goes on from it', {
    weight: 6,
    short: 300,
    input: fc.oneof({ weight: 5, arbitrary: stored }, { weight: 1, arbitrary: strange }),
    holds: async ({ path, text }) => {
      const read = readStatusFile(path, text);
      if (read?.document === undefined) return;
      const { model } = read.document.spec;
      const registry = new MemoryRegistry(aModel({ name: model, versions: { 1: 'Production', 2: 'None' } }));
      const { engine } = anEngine(registry);
      engine.restore([read.document]);
      ensure(engine.keys().includes(read.key), 'what was remembered is forgotten', read.key);
      await engine.handle(read.key, live);
      const document = engine.document(read.key);
      ensure(document !== undefined, 'there is nothing to show');
      ensure(
        readStatusFile(path, toYaml(document))?.document !== undefined,
        'our own status is not read back',
        document,
      );
    },
  }),
];
