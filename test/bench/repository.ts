/** Repositories of many files, which one process writes at once. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRepo, type TestRepo } from '../support/git-repo.ts';

export async function createFullRepo(
  directory: string,
  files: ReadonlyMap<string, string>,
): Promise<TestRepo> {
  const repo = await createRepo(directory);
  const child = spawn('git', [`--git-dir=${directory}`, 'fast-import', '--quiet'], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  const closed = once(child, 'close');
  const committer = 'committer Ada Reviewer <ada@example.com> 1767225600 +0000';
  child.stdin.write(`commit refs/heads/main\n${committer}\ndata 5\nBegin\n`);
  for (const [name, text] of files) {
    child.stdin.write(`M 100644 inline ${name}\ndata ${Buffer.byteLength(text)}\n${text}\n`);
  }
  child.stdin.end('done\n');
  const [code] = (await closed) as [number | null];
  if (code !== 0) throw new Error(`git fast-import ended with ${code}`);
  return repo;
}
