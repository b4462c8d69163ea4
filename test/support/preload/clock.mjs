/** With `node --import`: each SIGUSR2 has the clock jump by the next of $JUMPS_MS; it begins $SKEW_MS off. The monotonic clock stays. */
const RealDate = Date;
const jumps = (process.env.JUMPS_MS ?? '').split(',').map(Number);
let offset = Number(process.env.SKEW_MS ?? 0);
process.on('SIGUSR2', () => (offset += jumps.shift() ?? 0));
globalThis.Date = class Date extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [RealDate.now() + offset] : given));
  }
  static now() {
    return RealDate.now() + offset;
  }
};
