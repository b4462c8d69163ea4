/** Who else applies an object, and will put back what was changed by hand. */
import { clip } from '../../api/quote.ts';
import type { ObjectMeta } from '../../api/generated/types.ts';

interface Manager {
  readonly on: 'labels' | 'annotations';
  readonly key: string;
  readonly says: (value: string) => string;
}

const MANAGERS: readonly Manager[] = [
  {
    on: 'annotations',
    key: 'argocd.argoproj.io/tracking-id',
    says: (id) => `Argo CD applies it (${id.split(':')[0]})`,
  },
  {
    on: 'labels',
    key: 'kustomize.toolkit.fluxcd.io/name',
    says: (name) => `Flux applies it (Kustomization ${name})`,
  },
  {
    on: 'labels',
    key: 'helm.toolkit.fluxcd.io/name',
    says: (name) => `Flux applies it (HelmRelease ${name})`,
  },
  { on: 'labels', key: 'argocd.argoproj.io/instance', says: (name) => `Argo CD applies it (${name})` },
  {
    on: 'labels',
    key: 'app.kubernetes.io/instance',
    says: (name) => `Argo CD or Helm may apply it (${name})`,
  },
];

/** The first of these that is on the object, in a sentence; undefined when it is nobody's. */
export function managerOf(metadata: Pick<ObjectMeta, 'labels' | 'annotations'>): string | undefined {
  for (const { on, key, says } of MANAGERS) {
    const value = metadata[on]?.[key];
    if (value !== undefined)
      return `${says(clip(value, 100))}, and puts back what its source declares: change it there, or it is undone`;
  }
  return undefined;
}
