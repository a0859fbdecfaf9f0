export interface ParseOptions {
  boolean?: string[];
  string?: string[];
  collect?: string[];
  alias?: Record<string, string>;
  stopEarly?: boolean;
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}
export declare function parseArgs(
  args: string[],
  options?: ParseOptions,
): Record<string, unknown> & { _: (string | number)[] };
