/** The one door to pino: structured lines on stderr, with every registered secret scrubbed from the final text. */
import { pino, type Logger as PinoLogger, type LevelWithSilent } from 'pino';
import pretty from 'pino-pretty';
import type { Scrubber } from './secrets.ts';

/** Messages are constant sentences; what varies goes into the fields. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: Record<string, unknown>): Logger;
}

export interface LoggerOptions {
  readonly level: LevelWithSilent;
  readonly format: 'json' | 'pretty';
  readonly scrubber: Scrubber;
}

export function createLogger({ level, format, scrubber }: LoggerOptions): Logger {
  const stream =
    format === 'pretty'
      ? pretty({
          colorize: process.stderr.isTTY,
          sync: true,
          destination: 2,
          ignore: 'pid,hostname',
          translateTime: 'HH:MM:ss',
        })
      : pino.destination({ dest: 2, sync: true });
  const logger: PinoLogger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: pino.stdSerializers.err },
      hooks: { streamWrite: (line) => scrubber.scrub(line) },
    },
    stream,
  );
  return logger;
}
