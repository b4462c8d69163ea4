import type { Crd } from './crd.ts';
export function referencePage(crds: readonly Crd[]): string {
  return crds.map((crd) => crd.kind).join('\n');
}
