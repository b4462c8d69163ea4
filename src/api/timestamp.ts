/** Whether a text is a time as `timestamp` writes them: one that there is. */
export function isTimestamp(text: string): boolean {
  const ms = Date.parse(text);
  return Number.isFinite(ms) && timestamp(ms) === text;
}

/** RFC 3339 in UTC, to the second, as Kubernetes writes times. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
