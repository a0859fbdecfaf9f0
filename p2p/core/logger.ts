/**
 * What the libraries say while they work, and to whom: whoever uses them hands one in. Owns the
 * interface alone; nothing here prints.
 *
 * @module
 */

/**
 * Takes one sentence at a time. `{name}` in a message stands for the property of that name. Loggers of
 * `@logtape/logtape` have this shape.
 */
export interface Logger {
  /** What helps to find a fault in netlab. */
  debug(message: string, properties?: Record<string, unknown>): void;
  /** What an operator likes to know. */
  info(message: string, properties?: Record<string, unknown>): void;
  /** What an operator should look at. */
  warn(message: string, properties?: Record<string, unknown>): void;
  /** What failed. */
  error(message: string, properties?: Record<string, unknown>): void;
}

const nothing = () => {};

/** Says nothing. */
export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
};
