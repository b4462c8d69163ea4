/** Which operators exclude each other: those that are given one lease. */
import { expect, it } from 'vitest';
import { leaseName } from '../../../src/cli/operator/kubernetes-home.ts';

it.each([
  ['an installation in all namespaces', 'default', undefined, 'modelpromotion-default'],
  ['the same in one namespace', 'default', 'team-a', 'modelpromotion-default.team-a'],
  ['the same in another namespace', 'default', 'team-b', 'modelpromotion-default.team-b'],
  ['an installation whose name is no name of an object', 'Blue_Team', undefined, 'modelpromotion-blue-team'],
])('%s has a lease of its own', (_, installation, namespace, name) => {
  expect(leaseName({ installation, 'watch-namespace': namespace })).toBe(name);
});
