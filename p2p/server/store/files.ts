/**
 * Files that may be missing.
 *
 * @module
 */

/** Returns the first `most` bytes of a file; `undefined` if it does not exist. */
export function readIfPresent(path: string, most = Infinity): Uint8Array<ArrayBuffer> | undefined {
  try {
    if (most === Infinity) return Deno.readFileSync(path);
    using file = Deno.openSync(path);
    const bytes = new Uint8Array(most);
    return bytes.subarray(0, file.readSync(bytes) ?? 0);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Renames a file if it exists. */
export function renameIfPresent(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Removes a file if it exists. */
export function removeIfPresent(path: string): void {
  if (isPresent(path)) Deno.removeSync(path);
}

/** Returns whether a path leads to anything. */
export function isPresent(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
