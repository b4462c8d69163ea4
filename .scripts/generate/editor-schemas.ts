/** JSON Schemas (draft-07) for editors: completion, hover texts and checks while typing. */
import { manifestSchema, type Crd } from './crd.ts';
import { closed } from './schemas.ts';

export function editorSchemaFiles(crds: readonly Crd[]): [path: string, content: string][] {
  return crds.map((crd) => {
    const schema = {
      $schema: 'http://json-schema.org/draft-07/schema#',
      title: crd.kind,
      ...closed(manifestSchema(crd), true),
    };
    return [`docs/schemas/${crd.singular}_${crd.version}.json`, `${JSON.stringify(schema, null, 2)}\n`];
  });
}
