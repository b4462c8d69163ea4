/** Kubernetes' MicroTime: RFC 3339 in UTC with six digits behind the second, which the API server insists on. */
export function microtime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('Z', '000Z');
}
