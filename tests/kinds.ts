/**
 * The kinds of tests, by what they may use. Owns the permissions and sanitizers of each kind, and which
 * kinds are ignored without the permissions of `deno task test`.
 *
 * @module
 */
import { ignoreUnless } from "./permissions.ts";

type TestFunction = () => void | Promise<void>;

/** Deno's sanitizers are off by default. */
const SANITIZED = { sanitizeOps: true, sanitizeResources: true, sanitizeExit: true } as const;

/** Defines a test that uses memory only. */
export function pureTest(name: string, fn: TestFunction): void {
  Deno.test({ name, permissions: "none", ...SANITIZED, fn });
}

/** Defines a test that uses sockets on 127.0.0.1. */
export function socketTest(name: string, fn: TestFunction): void {
  Deno.test({ name, ignore: ignoreUnless.net, ...SANITIZED, fn });
}

/** Defines a test that starts programs. */
export function processTest(name: string, fn: TestFunction): void {
  Deno.test({ name, ignore: ignoreUnless.run, ...SANITIZED, fn });
}

/** Defines a test that starts programs, and sends them signals or resets that Windows does not have. */
export function unixProcessTest(name: string, fn: TestFunction): void {
  const ignore = ignoreUnless.run || Deno.build.os === "windows";
  Deno.test({ name, ignore, ...SANITIZED, fn });
}

/** Defines a test that starts programs, and uses a feature of Linux. */
export function linuxProcessTest(name: string, fn: TestFunction): void {
  const ignore = ignoreUnless.run || Deno.build.os !== "linux";
  Deno.test({ name, ignore, ...SANITIZED, fn });
}

/** Defines a test that starts programs which write files. */
export function storageTest(name: string, fn: TestFunction): void {
  const ignore = ignoreUnless.run || ignoreUnless.read || ignoreUnless.write;
  Deno.test({ name, ignore, ...SANITIZED, fn });
}
