/** Which operators exclude each other: those that are given one lease. */
import { expect, it } from 'vitest';
import { leaseName } from '../../../src/cli/operator/kubernetes-home.ts';

it.each([
  ['an installation in all namespaces', 'default', undefined, 'modelpromotion-default'],
  ['the same in one namespace', 'default', 'team-a', 'modelpromotion-default.team-a'],
  ['the same in another namespace', 'default', 'team-b', 'modelpromotion-default.team-b'],
  ['an installation whose name is no name of an object', 'Blue_Team', undefined, 'modelpromotion-blue-team'],
])('%s has a lease of its own', (_, installation, namespace, name) => {
  expect(leaseName({ installation, 'watch-namespace': namespace, shard: undefined })).toBe(name);
});

it.each([
  ['of all namespaces', undefined, 'modelpromotion-default.shard-1-of-3'],
  ['of one namespace', 'team-a', 'modelpromotion-default.team-a.shard-1-of-3'],
])('a shard %s has a lease of its own', (_, namespace, name) => {
  const shard = { index: 1, count: 3 };
  expect(leaseName({ installation: 'default', 'watch-namespace': namespace, shard })).toBe(name);
});
