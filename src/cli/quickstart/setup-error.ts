/** Why the quickstart cannot start on this machine. `message` is for people and says what to do. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}
