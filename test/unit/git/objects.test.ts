import { describe, expect, it } from 'vitest';
import { parseBatch, parseFollowed } from '../../../src/adapters/git/blobs.ts';
import { parseTree, SYMLINK } from '../../../src/adapters/git/tree.ts';

const A = 'a'.repeat(40);
const B = 'b'.repeat(40);

describe('the output of ls-tree', () => {
  it('gives names as bytes, tabs and line ends included', () => {
    const output = Buffer.concat([
      Buffer.from(`100644 blob ${A}\tone\ttwo\nthree.yaml\0${SYMLINK} blob ${B}\t`),
      Buffer.from([0xff, 0x2e]),
      Buffer.from('\0'),
    ]);
    expect(parseTree(output)).toEqual([
      { mode: '100644', oid: A, name: Buffer.from('one\ttwo\nthree.yaml') },
      { mode: '120000', oid: B, name: Buffer.from([0xff, 0x2e]) },
    ]);
    expect(parseTree(Buffer.alloc(0))).toEqual([]);
  });
});

describe('the output of cat-file --batch', () => {
  it('gives contents by oid, whatever they look like, and leaves out what is missing', () => {
    const output = Buffer.from(`${A} blob 9\nx missing\n${B} missing\n${B} blob 0\n\n`);
    expect([...parseBatch(output)]).toEqual([
      [A, Buffer.from('x missing')],
      [B, Buffer.alloc(0)],
    ]);
  });
});

describe('the output of cat-file --follow-symlinks', () => {
  it('gives one line a link, and skips the targets of those that lead nowhere', () => {
    const output = Buffer.from(`${A} tree 34\nsymlink 9\n../../etc\ndangling 5\nab\ncd\n${B} blob 3\n`);
    expect(parseFollowed(output)).toEqual([`${A} tree 34`, 'symlink 9', 'dangling 5', `${B} blob 3`]);
  });
});
