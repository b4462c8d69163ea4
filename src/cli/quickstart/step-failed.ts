/** A step of the tour that did not come true. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed';
  readonly expected: string;
  readonly seen: string;

  constructor(
    { expected, seen }: { readonly expected: string; readonly seen: string },
    options?: ErrorOptions,
  ) {
    super(`expected ${expected}, saw ${seen}`, options);
    this.expected = expected;
    this.seen = seen;
  }
}
