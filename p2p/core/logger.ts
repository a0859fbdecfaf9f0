/**
 * The interface of the logger that a program hands to the libraries. Nothing here prints.
 *
 * @module
 */

/**
 * Takes log lines. `{name}` in a message stands for the property of that name. Loggers of
 * `@logtape/logtape` have this shape.
 */
export interface Logger {
  /** Logs what helps to find a fault in netlab. */
  debug(message: string, properties?: Record<string, unknown>): void;
  /** Logs what an operator may want to know. */
  info(message: string, properties?: Record<string, unknown>): void;
  /** Logs what an operator should look at. */
  warn(message: string, properties?: Record<string, unknown>): void;
  /** Logs a failure. */
  error(message: string, properties?: Record<string, unknown>): void;
}

const nothing = () => {};

/** A logger that drops everything. */
export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
};
