/**
 * Files that only their owner may read: keys and tokens. Owns how they are created, and the check of their mode.
 * Must not know what they contain.
 *
 * @module
 */

/** The mode of a file that only its owner may read and write. */
export const SECRET_MODE = 0o600;
/** The mode of a folder that only its owner may use. */
export const SECRET_FOLDER_MODE = 0o700;

/** The bits of a mode that let others do anything. */
const OTHERS = 0o077;
/** The bits of a mode that let others write. */
const OTHERS_WRITE = 0o022;

/** A file could not be used. The message says why, and what to do. */
export class SecretFileError extends Error {
  /** `SecretFileError`. */
  override name = "SecretFileError";
}

/** The text of a file, and who else may read it. */
export interface SecretText {
  /** The text. */
  readonly text: string;
  /** Whether only the owner may read the file. True where files have no modes. */
  readonly isPrivate: boolean;
}

/**
 * Reads a file that others may not write.
 *
 * @throws {SecretFileError} When others may write it, or when it cannot be read.
 * @throws {Deno.errors.NotCapable} When the program has no permission to read it.
 */
export function readFile(path: string): SecretText {
  try {
    const { mode } = Deno.statSync(path);
    if (mode !== null && (mode & OTHERS_WRITE) !== 0) throw exposed(path, "write");
    return {
      text: Deno.readTextFileSync(path),
      isPrivate: mode === null || (mode & OTHERS) === 0,
    };
  } catch (error) {
    throw explained("read", path, error);
  }
}

/**
 * Reads a file that only its owner may read.
 *
 * @throws {SecretFileError} When others may read or write it, or when it cannot be read.
 * @throws {Deno.errors.NotCapable} When the program has no permission to read it.
 */
export function readSecretFile(path: string): string {
  const { text, isPrivate } = readFile(path);
  if (!isPrivate) throw exposed(path, "read");
  return text;
}

/** Returns the error of a file that others may read or write. */
export function exposed(path: string, what: "read" | "write"): SecretFileError {
  return new SecretFileError(`Cannot use ${path}: others may ${what} it; run chmod 600 ${path}`);
}

/**
 * Creates a file that only its owner may read, and its folder if there is none.
 *
 * @throws {SecretFileError} When the file exists, or cannot be written.
 * @throws {Deno.errors.NotCapable} When the program has no permission to write it.
 */
export function createSecretFile(path: string, text: string): void {
  try {
    const folder = folderOf(path);
    if (folder !== "") Deno.mkdirSync(folder, { recursive: true, mode: SECRET_FOLDER_MODE });
    write(path, text);
  } catch (error) {
    throw explained("create", path, error);
  }
}

/** Creates an empty file that only its owner may read, if there is none. Throws what `Deno.openSync` throws. */
export function reserveSecretFile(path: string): void {
  Deno.openSync(path, { write: true, create: true, mode: SECRET_MODE }).close();
}

/**
 * Makes a file one that only its owner may read. Does nothing if it is one, or where files have no modes. Throws what
 * `Deno.chmodSync` throws.
 *
 * @returns Whether others could read or write it.
 */
export function closeToOthers(path: string): boolean {
  const { mode, isFile } = Deno.lstatSync(path);
  if (!isFile || mode === null || (mode & OTHERS) === 0) return false;
  Deno.chmodSync(path, SECRET_MODE);
  return true;
}

/**
 * Replaces a file by one that only its owner may read. Whoever reads it gets the old text or the new one.
 *
 * @throws {SecretFileError} When it cannot be written.
 * @throws {Deno.errors.NotCapable} When the program has no permission to write it.
 */
export function replaceSecretFile(path: string, text: string): void {
  const next = `${path}.new`;
  try {
    write(next, text);
    Deno.renameSync(next, path);
  } catch (error) {
    throw explained("replace", path, error);
  }
}

function write(path: string, text: string): void {
  using file = Deno.openSync(path, { write: true, createNew: true, mode: SECRET_MODE });
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
  file.syncSync();
}

function explained(what: string, path: string, error: unknown): unknown {
  if (error instanceof SecretFileError || error instanceof Deno.errors.NotCapable) return error;
  const why = error instanceof Deno.errors.AlreadyExists
    ? "it exists; choose another file, or remove it"
    : error instanceof Deno.errors.NotFound
    ? "there is no such file; check the path"
    : error instanceof Deno.errors.PermissionDenied
    ? "the system does not permit it; check who owns it"
    : (error as Error).message.replace(/ \(os error \d+\)/, "");
  return new SecretFileError(`Cannot ${what} ${path}: ${why}`);
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"), 0));
}
