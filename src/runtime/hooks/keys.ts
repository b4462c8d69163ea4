/** The secrets that sign hints, one a line, so that a new one can be added before the old one goes. */

/** A shorter secret could be found from one signature. */
const SHORTEST = 16;
const MOST = 8;

/** @throws Error that says what to do and holds no secret */
export function signingSecrets(keys: ReadonlyMap<string, string>, name: string): string[] {
  const text = keys.get('token');
  if (text === undefined) throw new Error(`secret ${name} has no key token`);
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (lines.length === 0) throw new Error(`key token of secret ${name} is empty`);
  if (lines.length > MOST) throw new Error(`key token of secret ${name} has more than ${MOST} lines`);
  if (lines.some((line) => line.length < SHORTEST))
    throw new Error(
      `key token of secret ${name} has a line of less than ${SHORTEST} characters; openssl rand -hex 32 makes a good one`,
    );
  return lines;
}
