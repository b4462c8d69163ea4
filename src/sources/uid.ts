/** Identity for objects that have none of their own. */
import { createHash } from 'node:crypto';

/** RFC 9562, appendix: the namespace for URLs. */
const URL_NAMESPACE = '6ba7b811-9dad-11d1-80b4-00c04fd430c8';

/** UUIDv5 (RFC 9562, 5.5) of where an object is declared: source, branch, namespace/name. */
export function uidOf(source: string, branch: string, key: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(URL_NAMESPACE.replaceAll('-', ''), 'hex'))
    .update(`${source}\n${branch}\n${key}`)
    .digest()
    .subarray(0, 16);
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  return hash.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
