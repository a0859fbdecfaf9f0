/**
 * The interface of the logger that a program passes to the libraries. Nothing here prints.
 *
 * @module
 */

/**
 * Receives log lines. In a message, `{name}` stands for the property with that name. Loggers of
 * `@logtape/logtape` have this shape.
 */
export interface Logger {
  /** Logs details for debugging netlab. */
  debug(message: string, properties?: Record<string, unknown>): void;
  /** Logs a normal event. */
  info(message: string, properties?: Record<string, unknown>): void;
  /** Logs a problem that an operator should look at. */
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
