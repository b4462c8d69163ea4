import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { Screen } from '../../../src/cli/quickstart/screen.ts';

async function shown(show: (screen: Screen) => void): Promise<string> {
  const out = new PassThrough();
  show(new Screen(out));
  out.end();
  return text(out);
}

describe('the screen', () => {
  it('shows commands, facts and tables as plain text where there is no terminal', async () => {
    const printed = await shown((screen) => {
      screen.heading('1  A step');
      screen.command('modelpromotion run \\\n--source git');
      screen.fact('MLflow', 'http://127.0.0.1:5000');
      screen.table([
        ['VERSION', 'STAGE'],
        ['1', '-'],
      ]);
      screen.diff('-old\n+new');
    });
    expect(printed.split('\n')).toEqual([
      '',
      '1  A step',
      '',
      '   $ modelpromotion run \\',
      '       --source git',
      '   MLflow            http://127.0.0.1:5000',
      '   VERSION   STAGE',
      '   1         -',
      '   -old',
      '   +new',
      '',
    ]);
  });

  it('waits in silence where there is no terminal', async () => {
    const printed = await shown((screen) => void screen.busy('thinking', Promise.resolve()));
    expect(printed).toBe('');
  });
});
